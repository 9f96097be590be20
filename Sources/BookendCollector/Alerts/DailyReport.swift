import BookendDaemon
import BookendFiles
import BookendModel
import Logging

/// Queues the report of the fleet once a day for each channel that asks for it: what became of the jobs since the one before.
///
/// Which reports were made is recorded with the message: a collector that dies makes none twice. One that was off when a report
/// was due makes one report when it is back, of all that time.
struct DailyReport: Sendable {
    private static let page = 1_000
    /// Time that one report covers, at most.
    private static let longest: Int64 = 31 * 86_400_000
    private static let day: Int64 = 86_400_000
    /// A job that began so long before the time of a report, and ended in it, is in it.
    private static let reach = 7 * day

    let channels: [(name: String, at: TimeOfDay, zone: any ZoneRules)]
    let store: any AlertStore & ReportStore
    let objectives: [ObjectiveConfiguration]
    let labels: AgentLabels
    let heard: LastHeard
    /// Begins each key.
    let prefix: String
    let interval: Duration
    let clock: any DaemonClock
    let logger: Logger

    /// Runs until the task is canceled.
    func run() async {
        guard !channels.isEmpty else { return }
        while !Task.isCancelled {
            for channel in channels {
                do throws(CollectorError) {
                    try look(channel.name, channel.at, channel.zone, at: clock.now.wall)
                } catch {
                    logger.error(
                        "the daily report could not be made",
                        metadata: ["channel": "\(channel.name)", "error": "\(error)"])
                }
            }
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + interval)
        }
    }

    func look(
        _ channel: String, _ time: TimeOfDay, _ zone: any ZoneRules, at now: UnixTime
    ) throws(CollectorError) {
        // One that lies far ahead is of a clock that was wrong.
        guard let mark = try store.reportMark(channel), mark.milliseconds - now.milliseconds < 2 * Self.day else {
            return try store.markReport(channel, until: now, message: nil)
        }
        func starts(_ after: UnixTime, _ through: UnixTime) -> UnixTime? {
            zone.starts(after: after, through: through) { [$0.at(hour: time.minutes / 60, minute: time.minutes % 60)] }
                .last
        }
        let oldest = UnixTime(milliseconds: now.milliseconds - Self.longest)
        guard let due = starts(max(mark, oldest), now) else { return }
        let before = UnixTime(milliseconds: due.milliseconds - 1)
        let daily = starts(UnixTime(milliseconds: due.milliseconds - 2 * Self.day), before)
        let since = max(oldest, min(mark, daily ?? UnixTime(milliseconds: due.milliseconds - Self.day)))
        let letter = ReportText(report: try report(since: since, until: due)).letter
        try store.markReport(
            channel, until: due,
            message: OutgoingMessage(
                channel: channel, key: "\(prefix)-report-\(due.milliseconds)", createdAt: now, body: .letter(letter)))
        logger.notice("the daily report is made", metadata: ["channel": "\(channel)"])
    }

    /// What `bookend report` shows, and the jobs that began before and ended meanwhile: how each of them ended stands in one report,
    /// and in no other.
    private func report(since: UnixTime, until: UnixTime) throws(CollectorError) -> FleetReport {
        var jobs: [JobAggregate] = []
        var filter = JobFilter()
        filter.since = UnixTime(milliseconds: since.milliseconds - Self.reach)
        filter.limit = Self.page
        while case let page = try store.jobs(filter), !page.isEmpty {
            jobs += page.compactMap { $0.asSeen(since: since, until: until) }
            filter.before = page.last?.job
        }
        return FleetReport(
            jobs, since: since, until: until, labels: labels.all,
            ages: try Objectives(objectives, store).ages(store, Protection(labels, heard), at: until))
    }
}

extension JobAggregate {
    /// As a report of that time counts it: ended, when it ended then; otherwise in progress, when it was to start then. `nil`: it is
    /// another report's. The end of a time is the next one's beginning.
    fileprivate func asSeen(since: UnixTime, until: UnixTime) -> JobAggregate? {
        let time = since..<until
        let isOver = status.isFinal || status.family == .inferred
        // What never started has no other end.
        if isOver, case let end = endedAt ?? scheduledStart, end < until { return time.contains(end) ? self : nil }
        guard time.contains(scheduledStart) else { return nil }
        guard isOver else { return self }
        var open = self
        (open.status, open.endedAt) = (.running, nil)
        return open
    }
}
