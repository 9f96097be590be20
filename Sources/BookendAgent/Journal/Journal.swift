package import BookendModel

/// The agent's durable memory: its policies, the triggers that it accepted, the debt of each attempt, and its reports.
///
/// Every call is one transaction, durable when it returns. All throw ``AgentError`` with code `.journal`.
package protocol Journal: Sendable {
    /// What an agent needs to know when it starts.
    func load() throws(AgentError) -> JournalContents

    /// Records what is the agent's as of a generation, in place of what was.
    ///
    /// - Parameters:
    ///   - slots: Jobs to come. Those that the journal has as jobs already are left out.
    ///   - epoch: The coordinator's.
    func replacePolicies(
        _ policies: [PolicyRevision], generation: Int64, slots: [Trigger], epoch: UInt64
    ) throws(AgentError)

    /// A policy that is no longer the agent's takes its slots with it.
    func changePolicy(_ change: PolicyChange) throws(AgentError)

    /// Records slots, new or changed, without those that the journal has as jobs already, and forgets others.
    func changeSlots(_ slots: [Trigger], withdrawn: [JobID]) throws(AgentError)

    /// Records a trigger together with the policy that it will run under. Its slot is consumed with it.
    ///
    /// A start of the schedule (policy, time) is taken once, under whatever id: a coordinator that was restored may have given
    /// it another one.
    ///
    /// - Returns: `nil` when the journal has this job or this start already: that is not an error, triggers come again.
    func accept(_ trigger: Trigger, under policy: PolicyRevision?, at now: UnixTime) throws(AgentError) -> JournaledJob?

    /// The trigger of a job that the journal has; `nil`: it has none by this id, or no longer.
    func trigger(of job: JobID) throws(AgentError) -> Trigger?

    /// The jobs that were accepted last, at most as many, in ascending order of job.
    ///
    /// - Returns: `since`: every job that was accepted since then is among them, by this journal's clock.
    func knownJobs(limit: Int) throws(AgentError) -> (jobs: [KnownJob], since: UnixTime)

    /// When the last good backup of each policy ended that has one; 0: an earlier version did not keep it.
    func goodBackups() throws(AgentError) -> [PolicyName: UnixTime]

    /// Remembers when the coordinator was last heard of, and whether its absence since was told.
    ///
    /// - Parameter time: `nil`: as it was.
    func recordContact(at time: UnixTime?, isIsolationTold: Bool) throws(AgentError)

    /// Remembers a cancel, also one that comes before its trigger.
    func recordCancel(of job: JobID, at now: UnixTime) throws(AgentError)

    /// Records what happened to a job, all or nothing.
    ///
    /// - Returns: The highest report number that the journal holds now.
    func record(_ entries: [JournalEntry], of trigger: ReportedTrigger) throws(AgentError) -> UInt64

    /// Gives back the space that is kept for what must be recorded on a full disk, for something that must be done there. While
    /// it cannot be taken again nothing new begins.
    ///
    /// - Returns: `false` when there was none to give back.
    @Sendable func releaseReserve() -> Bool

    /// Why nothing new can be recorded to its end, as far as can be seen without writing; `nil`: it can.
    func problem() -> String?

    /// The reports of these numbers, in order. Numbers that the journal does not hold are left out.
    func reports(_ numbers: ClosedRange<UInt64>) throws(AgentError) -> [Report]

    /// Every report of a job, in order.
    func reports(of job: JobID) throws(AgentError) -> [Report]

    /// The debts that outlived their attempts: their post-scripts could not be run. In ascending order of job and attempt.
    func openDebts() throws(AgentError) -> [JournaledDebt]

    /// What names the report of this number. Of the number before the oldest report it is what the digests go on from.
    ///
    /// - Returns: `nil` when the journal does not hold the report, or no longer.
    func digest(of number: UInt64) throws(AgentError) -> ReportDigest?

    /// Remembers how reports are counted for a collector, and what it has stored of them.
    func record(_ stream: ReportStream, for collector: String) throws(AgentError)

    /// Removes what nobody needs: reports that every collector acknowledged and finished jobs, both older than `time`.
    /// A job with an open debt stays. Of the reports those go that stand before the first one to be kept.
    ///
    /// - Returns: The highest report number that was ever removed; 0: none.
    func prune(before time: UnixTime, collectors: [String]) throws(AgentError) -> UInt64
}

/// One thing that happened to a job.
package enum JournalEntry: Hashable, Sendable {
    case report(attempt: Int, stage: Stage?, status: Status, at: UnixTime, details: ReportDetails)
    /// From here on the attempt's pre-script may start, and the post-script is owed if it does.
    case attemptStarted(Int, owesPostScript: Bool)
    /// The attempt's post-script is about to be started with these statuses. To be recorded before it is, so that a death
    /// in the middle is counted.
    case postScriptStarting(attempt: Int, pre: StageEnd, backup: StageEnd)
    case debtSettled(attempt: Int, DebtEnd)
    /// The policy has a good backup on this server, which ended then.
    case goodBackup(PolicyName, at: UnixTime)
    case finished

    var startsAttempt: Bool {
        if case .attemptStarted = self { true } else { false }
    }
}

package struct JournalContents: Sendable {
    /// Renewed when the journal is new.
    package var incarnation: UInt64
    /// The policy generation; 0: none.
    package var generation: Int64
    package var policies: [PolicyRevision]
    /// In ascending order of job.
    package var unfinishedJobs: [JournaledJob]
    package var highestJob: JobID
    package var highestReport: UInt64
    /// The highest report number that was removed; 0: none.
    package var prunedReport: UInt64
    /// By collector. One that has never answered is not among them.
    package var streams: [String: ReportStream]
    /// Jobs to come, in ascending order of job.
    package var slots: [Trigger]
    /// The coordinator's epoch of the latest snapshot; 0: none.
    package var coordinatorEpoch: UInt64
    /// When the coordinator was last heard of, to some minutes; `nil`: never.
    package var lastContact: UnixTime?
    /// Its absence since then was told.
    package var isIsolationTold: Bool

    package init(
        incarnation: UInt64, generation: Int64, policies: [PolicyRevision], unfinishedJobs: [JournaledJob],
        highestJob: JobID, highestReport: UInt64, prunedReport: UInt64, streams: [String: ReportStream],
        slots: [Trigger] = [], coordinatorEpoch: UInt64 = 0, lastContact: UnixTime? = nil,
        isIsolationTold: Bool = false
    ) {
        self.incarnation = incarnation
        self.generation = generation
        self.policies = policies
        self.unfinishedJobs = unfinishedJobs
        self.highestJob = highestJob
        self.highestReport = highestReport
        self.prunedReport = prunedReport
        self.streams = streams
        self.slots = slots
        self.coordinatorEpoch = coordinatorEpoch
        self.lastContact = lastContact
        self.isIsolationTold = isIsolationTold
    }

    /// How reports are counted for a collector.
    package func stream(for collector: String) -> ReportStream {
        streams[collector] ?? ReportStream(incarnation: incarnation)
    }
}

/// A job as the journal holds it.
package struct JournaledJob: Hashable, Sendable {
    package var trigger: Trigger
    /// The policy that the job runs under; `nil`: it was gone when the trigger came.
    package var policy: PolicyRevision?
    package var acceptedAt: UnixTime
    package var isCanceled: Bool
    /// The policy has had no good backup on this server.
    package var isFirstBackup: Bool
    /// The latest attempt that was recorded as started; 0: none.
    package var attempts: Int
    /// The latest attempt's post-script is owed.
    package var owesPostScript: Bool
    /// How often the latest attempt's post-script was started.
    package var postRuns: Int

    package init(
        trigger: Trigger, policy: PolicyRevision?, acceptedAt: UnixTime, isCanceled: Bool, isFirstBackup: Bool,
        attempts: Int, owesPostScript: Bool, postRuns: Int = 0
    ) {
        self.trigger = trigger
        self.policy = policy
        self.acceptedAt = acceptedAt
        self.isCanceled = isCanceled
        self.isFirstBackup = isFirstBackup
        self.attempts = attempts
        self.owesPostScript = owesPostScript
        self.postRuns = postRuns
    }
}

/// A post-script that is owed although its attempt is over: it could not be run.
package struct JournaledDebt: Hashable, Sendable {
    package var job: JournaledJob
    package var attempt: Int
    /// How often the post-script was started.
    package var runs: Int
    /// As far as they were recorded; a stage of which nothing is known was interrupted.
    package var pre: StageEnd
    package var backup: StageEnd
    /// Why it could not be run the last time.
    package var reason: String

    package init(
        job: JournaledJob, attempt: Int, runs: Int, pre: StageEnd, backup: StageEnd, reason: String
    ) {
        self.job = job
        self.attempt = attempt
        self.runs = runs
        self.pre = pre
        self.backup = backup
        self.reason = reason
    }
}
