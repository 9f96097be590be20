import BookendAgent
import BookendModel

/// An agent's journal as one life of the agent sees it; tells the world what was committed.
struct SimulatedJournal: Journal {
    let transactions: Transactions
    let journal: MemoryJournal
    let host: AgentHost

    private func write<T>(_ what: String, _ body: () throws(AgentError) -> T) throws(AgentError) -> T {
        try transactions.write(what, { AgentError(.journal, $0) }, body)
    }

    private func read<T>(_ body: () throws(AgentError) -> T) throws(AgentError) -> T {
        try transactions.read({ AgentError(.journal, $0) }, body)
    }

    func load() throws(AgentError) -> JournalContents {
        try read { () throws(AgentError) in try journal.load() }
    }

    func replacePolicies(
        _ policies: [PolicyRevision], generation: Int64, slots: [Trigger], epoch: UInt64
    ) throws(AgentError) {
        try write("agent: policies") { () throws(AgentError) in
            try journal.replacePolicies(policies, generation: generation, slots: slots, epoch: epoch)
            host.carries(slots)
            host.heardSlots()
        }
    }

    func changePolicy(_ change: PolicyChange) throws(AgentError) {
        try write("agent: policies") { () throws(AgentError) in try journal.changePolicy(change) }
    }

    func changeSlots(_ slots: [Trigger], withdrawn: [JobID]) throws(AgentError) {
        try write("agent: slots") { () throws(AgentError) in
            try journal.changeSlots(slots, withdrawn: withdrawn)
            host.carries(slots, without: withdrawn)
            host.heardSlots()
        }
    }

    func accept(_ trigger: Trigger, under policy: PolicyRevision?, at now: UnixTime) throws(AgentError) -> JournaledJob?
    {
        try write("agent: trigger") { () throws(AgentError) in
            let job = try journal.accept(trigger, under: policy, at: now)
            if job != nil { host.accepted(trigger) }
            return job
        }
    }

    func trigger(of job: JobID) throws(AgentError) -> Trigger? {
        try read { () throws(AgentError) in try journal.trigger(of: job) }
    }

    func knownJobs(limit: Int) throws(AgentError) -> (jobs: [KnownJob], since: UnixTime) {
        try read { () throws(AgentError) in try journal.knownJobs(limit: limit) }
    }

    func recordContact(at time: UnixTime?, isIsolationTold: Bool) throws(AgentError) {
        try write("agent: contact") { () throws(AgentError) in
            try journal.recordContact(at: time, isIsolationTold: isIsolationTold)
        }
    }

    func recordCancel(of job: JobID, at now: UnixTime) throws(AgentError) {
        try write("agent: cancel") { () throws(AgentError) in
            try journal.recordCancel(of: job, at: now)
            host.canceled(job)
        }
    }

    func record(_ entries: [JournalEntry], of trigger: ReportedTrigger) throws(AgentError) -> UInt64 {
        try write(Self.name(of: entries)) { () throws(AgentError) in
            let highest = try journal.record(entries, of: trigger)
            host.recorded(entries, of: trigger.job)
            return highest
        }
    }

    /// What the entries are about, by the most important of them.
    private static func name(of entries: [JournalEntry]) -> String {
        var name = "agent: report"
        for entry in entries {
            switch entry {
            case .attemptStarted: return "agent: start of an attempt"
            case .finished: return "agent: end of a job"
            case .postScriptStarting: name = "agent: start of a post-script"
            case .debtSettled: name = "agent: end of a debt"
            default: break
            }
        }
        return name
    }

    func problem() -> String? { journal.problem() }

    func releaseReserve() -> Bool { journal.releaseReserve() }

    func reports(_ numbers: ClosedRange<UInt64>) throws(AgentError) -> [Report] {
        try read { () throws(AgentError) in try journal.reports(numbers) }
    }

    func reports(of job: JobID) throws(AgentError) -> [Report] {
        try read { () throws(AgentError) in try journal.reports(of: job) }
    }

    func goodBackups() throws(AgentError) -> [PolicyName: UnixTime] {
        try read { () throws(AgentError) in try journal.goodBackups() }
    }

    func openDebts() throws(AgentError) -> [JournaledDebt] {
        try read { () throws(AgentError) in try journal.openDebts() }
    }

    func digest(of number: UInt64) throws(AgentError) -> ReportDigest? {
        try read { () throws(AgentError) in try journal.digest(of: number) }
    }

    func record(_ stream: ReportStream, for collector: String) throws(AgentError) {
        try write("agent: acknowledgement") { () throws(AgentError) in try journal.record(stream, for: collector) }
    }

    func prune(before time: UnixTime, collectors: [String]) throws(AgentError) -> UInt64 {
        try write("agent: pruning") { () throws(AgentError) in
            try journal.prune(before: time, collectors: collectors)
        }
    }
}
