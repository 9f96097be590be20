package import BookendModel
import Synchronization

/// The journal without a disk, for simulations: it keeps what a process that dies would keep.
///
/// It fails when it is told to, and then keeps nothing of the call.
package final class MemoryJournal: Journal {
    fileprivate struct State {
        var incarnation: UInt64
        var generation: Int64 = 0
        var policies: [PolicyName: PolicyRevision] = [:]
        var jobs: [JobID: JournaledJob] = [:]
        var finished: Set<JobID> = []
        var debts: [TurnQueue.Claimant: Debt] = [:]
        var cancels: [JobID: UnixTime] = [:]
        var goodBackups: [PolicyName: UnixTime] = [:]
        var reports: [UInt64: AcceptedReport] = [:]
        var highestReport: UInt64 = 0
        var prunedReport: UInt64 = 0
        var prunedDigest: ReportDigest
        var highestJob = JobID(rawValue: 0)
        var streams: [String: ReportStream] = [:]
        var slots: [JobID: Trigger] = [:]
        var coordinatorEpoch: UInt64 = 0
        var lastContact: UnixTime?
        var isIsolationTold = false
        var prunedBefore = UnixTime(milliseconds: 0)
        var failure: String?

        mutating func keep(_ slot: Trigger) {
            if jobs[slot.job] == nil { slots[slot.job] = slot }
        }

        func digest(of number: UInt64) -> ReportDigest? {
            number == prunedReport ? prunedDigest : reports[number]?.digest
        }

        /// Reports up to this number, as far as they are there.
        mutating func removeReports(through number: UInt64) {
            guard number > prunedReport, let digest = digest(of: number) else { return }
            prunedDigest = digest
            for number in prunedReport + 1...number { reports[number] = nil }
            prunedReport = number
        }
    }

    fileprivate struct Debt {
        var runs = 0
        var pre = StageEnd(.interrupted)
        var backup = StageEnd(.interrupted)
        /// The attempt is over, and the post-script could not be run.
        var unpaidBecause: String?
    }

    private let agent: AgentID
    private let state: Mutex<State>

    package init(agent: AgentID, incarnation: UInt64 = 1) {
        self.agent = agent
        state = Mutex(State(incarnation: incarnation, prunedDigest: ReportDigest(rawValue: incarnation)))
    }

    /// Why every write fails from here on; `nil`: they succeed again.
    package func failWrites(_ reason: String?) {
        state.withLock { $0.failure = reason }
    }

    /// All that the journal held at one time, as a copy of its machine has it.
    package struct Copy: Sendable {
        fileprivate let state: State
    }

    package func copy() -> Copy { Copy(state: state.withLock { $0 }) }

    /// The journal is what it was then.
    package func restore(_ copy: Copy) { state.withLock { $0 = copy.state } }

    package func load() throws(AgentError) -> JournalContents {
        state.withLock { state in
            JournalContents(
                incarnation: state.incarnation, generation: state.generation,
                policies: state.policies.values.sorted { $0.policy.name < $1.policy.name },
                unfinishedJobs: state.jobs.values.filter { !state.finished.contains($0.trigger.job) }
                    .sorted { $0.trigger.job < $1.trigger.job }.map { Self.completed($0, state) },
                highestJob: state.highestJob, highestReport: state.highestReport,
                prunedReport: state.prunedReport, streams: state.streams,
                slots: state.slots.values.sorted { $0.job < $1.job }, coordinatorEpoch: state.coordinatorEpoch,
                lastContact: state.lastContact, isIsolationTold: state.isIsolationTold)
        }
    }

    package func replacePolicies(
        _ policies: [PolicyRevision], generation: Int64, slots: [Trigger], epoch: UInt64
    ) throws(AgentError) {
        try write { state in
            state.slots = [:]
            for slot in slots { state.keep(slot) }
            state.coordinatorEpoch = epoch
            state.policies = Dictionary(policies.map { ($0.policy.name, $0) }, uniquingKeysWith: { $1 })
            state.generation = generation
        }
    }

    package func changePolicy(_ change: PolicyChange) throws(AgentError) {
        try write { state in
            state.policies[change.name] = change.revision
            state.generation = change.generation
            if change.revision == nil { state.slots = state.slots.filter { $0.value.policy != change.name } }
        }
    }

    package func changeSlots(_ slots: [Trigger], withdrawn: [JobID]) throws(AgentError) {
        try write { state in
            for job in withdrawn { state.slots[job] = nil }
            for slot in slots { state.keep(slot) }
        }
    }

    package func trigger(of job: JobID) throws(AgentError) -> Trigger? {
        state.withLock { $0.jobs[job]?.trigger }
    }

    package func knownJobs(limit: Int) throws(AgentError) -> (jobs: [KnownJob], since: UnixTime) {
        state.withLock { state in
            let jobs = state.jobs.values
                .sorted { ($1.acceptedAt, $1.trigger.job) < ($0.acceptedAt, $0.trigger.job) }.prefix(limit)
            let since = jobs.count < limit ? nil : jobs.last.map { $0.acceptedAt + .milliseconds(1) }
            return (
                jobs.map { KnownJob($0.trigger) }.sorted { $0.job < $1.job },
                max(since ?? state.prunedBefore, state.prunedBefore)
            )
        }
    }

    package func accept(
        _ trigger: Trigger, under policy: PolicyRevision?, at now: UnixTime
    ) throws(AgentError) -> JournaledJob? {
        try write { state in
            let hasBegun = state.jobs.values.contains {
                $0.trigger.job != trigger.job && $0.trigger.fingerprint == trigger.fingerprint
                    && $0.trigger.isOfSchedule
            }
            guard !trigger.isOfSchedule || !hasBegun else {
                state.slots[trigger.job] = nil
                return nil
            }
            guard state.jobs[trigger.job] == nil else { return nil }
            state.highestJob = max(state.highestJob, trigger.job)
            state.slots[trigger.job] = nil
            let job = JournaledJob(
                trigger: trigger, policy: policy, acceptedAt: now, isCanceled: false, isFirstBackup: false, attempts: 0,
                owesPostScript: false)
            state.jobs[trigger.job] = job
            return Self.completed(job, state)
        }
    }

    package func recordContact(at time: UnixTime?, isIsolationTold: Bool) throws(AgentError) {
        try write { state in
            state.lastContact = time ?? state.lastContact
            state.isIsolationTold = isIsolationTold
        }
    }

    package func recordCancel(of job: JobID, at now: UnixTime) throws(AgentError) {
        try write { state in
            if state.cancels[job] == nil { state.cancels[job] = now }
        }
    }

    package func record(_ entries: [JournalEntry], of trigger: ReportedTrigger) throws(AgentError) -> UInt64 {
        try write { state in
            for entry in entries {
                switch entry {
                case .report(let attempt, let stage, let status, let at, let details):
                    let before = state.digest(of: state.highestReport) ?? state.prunedDigest
                    state.highestReport += 1
                    let report = Report(
                        origin: ReportOrigin(
                            agent: self.agent, incarnation: state.incarnation, sequence: state.highestReport),
                        trigger: trigger, attempt: attempt, stage: stage, status: status, at: at,
                        details: details.bounded)
                    state.reports[state.highestReport] = AcceptedReport(
                        report: report, digest: before.followed(by: report))
                case .attemptStarted(let attempt, let owes):
                    state.jobs[trigger.job]?.attempts = attempt
                    if owes { state.debts[TurnQueue.Claimant(trigger.job, debt: attempt)] = Debt() }
                case .postScriptStarting(let attempt, let pre, let backup):
                    let debt = TurnQueue.Claimant(trigger.job, debt: attempt)
                    state.debts[debt]?.runs += 1
                    state.debts[debt]?.pre = Self.kept(pre)
                    state.debts[debt]?.backup = Self.kept(backup)
                case .debtSettled(let attempt, .unpaid(let reason)):
                    guard var debt = state.debts[TurnQueue.Claimant(trigger.job, debt: attempt)] else { break }
                    debt.unpaidBecause = reason
                    debt.runs = max(0, debt.runs - 1)  // It did not start after all: that is not a run.
                    state.debts[TurnQueue.Claimant(trigger.job, debt: attempt)] = debt
                case .debtSettled(let attempt, _):
                    state.debts[TurnQueue.Claimant(trigger.job, debt: attempt)] = nil
                case .goodBackup(let policy, let at): state.goodBackups[policy] = at
                case .finished: state.finished.insert(trigger.job)
                }
            }
            return state.highestReport
        }
    }

    package func reports(_ numbers: ClosedRange<UInt64>) throws(AgentError) -> [Report] {
        state.withLock { state in
            state.reports.filter { numbers.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value.report)
        }
    }

    package func reports(of job: JobID) throws(AgentError) -> [Report] {
        state.withLock { state in
            state.reports.values.map(\.report).filter { $0.trigger.job == job }
                .sorted { $0.origin.sequence < $1.origin.sequence }
        }
    }

    package func goodBackups() throws(AgentError) -> [PolicyName: UnixTime] { state.withLock { $0.goodBackups } }

    package func openDebts() throws(AgentError) -> [JournaledDebt] {
        state.withLock { state in
            state.debts.compactMap { key, debt in
                guard let reason = debt.unpaidBecause, let job = state.jobs[key.job] else { return nil }
                return JournaledDebt(
                    job: Self.completed(job, state), attempt: key.debt ?? 0, runs: debt.runs, pre: debt.pre,
                    backup: debt.backup, reason: reason)
            }.sorted { ($0.job.trigger.job, $0.attempt) < ($1.job.trigger.job, $1.attempt) }
        }
    }

    package func digest(of number: UInt64) throws(AgentError) -> ReportDigest? {
        state.withLock { $0.digest(of: number) }
    }

    package func record(_ stream: ReportStream, for collector: String) throws(AgentError) {
        try write { $0.streams[collector] = stream }
    }

    package func prune(before time: UnixTime, collectors: [String]) throws(AgentError) -> UInt64 {
        try write { state in
            state.prunedBefore = max(state.prunedBefore, time)
            let acknowledged = collectors.map { state.streams[$0]?.acknowledged ?? 0 }.min() ?? 0
            let kept = state.reports.filter { $0.value.report.at >= time }.keys.min() ?? .max
            state.removeReports(through: min(acknowledged, max(1, min(kept, state.highestReport)) - 1))
            let indebted = Set(state.debts.keys.map(\.job))
            state.jobs = state.jobs.filter { job, entry in
                !state.finished.contains(job) || entry.acceptedAt >= time || indebted.contains(job)
            }
            state.finished.formIntersection(state.jobs.keys)
            state.cancels = state.cancels.filter { $0.value >= time || state.jobs[$0.key] != nil }
            return state.prunedReport
        }
    }

    @Sendable package func releaseReserve() -> Bool { false }

    package func problem() -> String? { state.withLock(\.failure) }

    private static func completed(_ job: JournaledJob, _ state: State) -> JournaledJob {
        var job = job
        job.isCanceled = state.cancels[job.trigger.job] != nil
        job.isFirstBackup = state.goodBackups[job.trigger.policy] == nil
        let debt = state.debts[TurnQueue.Claimant(job.trigger.job, debt: job.attempts)]
        job.owesPostScript = debt != nil
        job.postRuns = debt?.runs ?? 0
        return job
    }

    /// What a journal keeps of a stage's end for the post-script.
    private static func kept(_ end: StageEnd) -> StageEnd {
        var kept = StageEnd(end.status)
        kept.details.exitCode = end.details.exitCode
        kept.details.snapshotID = end.details.snapshotID
        kept.details.bytesAdded = end.details.bytesAdded
        return kept
    }

    private func write<T: Sendable>(_ body: @Sendable (inout State) -> T) throws(AgentError) -> T {
        let result: Result<T, AgentError> = state.withLock { state in
            if let failure = state.failure { return .failure(AgentError(.journal, failure)) }
            return .success(body(&state))
        }
        return try result.get()
    }
}
