import BookendModel

extension JobRecovery {
    /// What the journal of an agent that stopped says of a job: its debt, and its stages as far as they were reported.
    init(_ job: JournaledJob, reports: [Report], now: Moment) {
        let latest = reports.filter { $0.attempt == job.attempts && $0.attempt > 0 }
        var ends: [Stage: StageEnd] = [:]
        for report in latest {
            if let stage = report.stage, report.status.isFinal {
                ends[stage] = StageEnd(report.status, details: report.details)
            }
        }
        let retry = reports.last { $0.stage == nil && $0.status == .waitingForRetry }?.details.nextAttemptAt
        self.init(
            attempts: job.attempts, brokenStage: Self.brokenStage(of: job, ends: ends, latest: latest), ends: ends,
            owesPostScript: job.owesPostScript, isCanceled: job.isCanceled,
            retryAt: retry.map { now.boot + ($0 - now.wall) })
    }

    /// The first stage of the latest attempt that has no end; `nil` when that attempt is over, or none began.
    private static func brokenStage(of job: JournaledJob, ends: [Stage: StageEnd], latest: [Report]) -> Stage? {
        guard job.attempts > 0 else { return nil }
        let isOver = latest.contains { $0.stage == nil && $0.status == .waitingForRetry }
        guard !isOver else { return nil }
        return Stage.allCases.first { ends[$0] == nil } ?? .postScript
    }
}
