import BookendDaemon
import BookendModel
import Logging

/// Writes what happens to one job into the journal, in order. What could not be written is kept, and written before
/// anything that comes later: a report is never dropped, and never overtaken.
///
/// Kept is what one job reports while the journal cannot be written. No attempt starts meanwhile, so that this is the rest
/// of one attempt and, for each attempt that the policy still allows, its refusal: some hundreds of entries at most.
struct JobLedger: Sendable {
    /// How long to wait before the journal is tried again: doubles from the first to the last.
    static let pauses = (first: Duration.milliseconds(500), last: Duration.seconds(30))
    /// How long an agent that stops goes on trying. What is lost then is said by the agent that starts next: it finds
    /// the attempt broken.
    static let patienceAtStop = Duration.seconds(10)

    private let journal: any Journal
    private let clock: any DaemonClock
    private let trigger: ReportedTrigger
    private let reported: @Sendable (UInt64) -> Void
    private let logger: Logger
    private var unwritten: [JournalEntry] = []
    private var pause = JobLedger.pauses.first
    /// When to try again; `nil`: everything is written.
    private(set) var nextTry: BootTime?

    init(
        journal: any Journal, clock: any DaemonClock, trigger: ReportedTrigger,
        reported: @escaping @Sendable (UInt64) -> Void, logger: Logger
    ) {
        self.journal = journal
        self.clock = clock
        self.trigger = trigger
        self.reported = reported
        self.logger = logger
    }

    /// Records the entries, all or nothing together with what waits to be written.
    ///
    /// - Returns: `nil` when the journal has them; otherwise why not. Then the start of an attempt is dropped, for that
    ///   attempt must not start, and everything else is kept.
    mutating func record(_ entries: [JournalEntry]) -> String? {
        guard !entries.isEmpty else { return nil }
        let all = unwritten + entries
        // A start is worth a try at any time. Anything else waits behind what waits already.
        let isUrgent = entries.contains(where: \.startsAttempt)
        guard isUrgent || isDue else {
            unwritten = all
            return "it could not be written before"
        }
        return write(all)
    }

    /// Writes what is kept, if it is time to try again.
    mutating func catchUp() {
        if !unwritten.isEmpty, isDue { _ = write(unwritten) }  // Said in the log, and tried again.
    }

    /// Returns once everything is written; or, when the agent stops, at the end of its patience.
    mutating func finish(stopping: StopOrder) async {
        var lastTry: BootTime?
        while let next = nextTry, !Task.isCancelled {
            let now = clock.now.boot
            if stopping.isGiven {
                let end = lastTry ?? now + Self.patienceAtStop
                lastTry = end
                guard now < end else {
                    return logger.critical(
                        "reports could not be written before the agent stopped",
                        metadata: ["job.id": "\(trigger.job)", "reports": "\(unwritten.count)"])
                }
                // Canceled: the deadline is not far.
                try? await clock.sleep(until: min(end, now + Self.pauses.first))
                _ = write(unwritten)  // Said in the log, and tried again.
            } else {
                _ = await clock.sleep(until: next, unless: stopping)  // Either way it is looked at again.
                catchUp()
            }
        }
    }

    private var isDue: Bool { nextTry.map { clock.now.boot >= $0 } ?? true }

    private mutating func write(_ entries: [JournalEntry]) -> String? {
        do throws(AgentError) {
            let highest = try journal.record(entries, of: trigger)
            unwritten = []
            nextTry = nil
            pause = Self.pauses.first
            reported(highest)
            return nil
        } catch {
            logger.error(
                "the journal could not be written; reports wait in memory",
                metadata: ["job.id": "\(trigger.job)", "reports": "\(entries.count)", "error": "\(error.message)"])
            unwritten = entries.filter { !$0.startsAttempt }
            if unwritten.isEmpty {
                nextTry = nil
            } else {
                nextTry = clock.now.boot + pause
                pause = min(pause * 2, Self.pauses.last)
            }
            return error.message
        }
    }
}
