import BookendModel

extension JobRecovery {
    /// What the journal of an agent that stopped says of a job: its debt, and its stages as far as they were reported.
    init(_ job: JournaledJob, reports: [Report], now: Moment) {
        // An attempt whose start could not be recorded was reported all the same, once the journal could be written.
        let attempts = max(job.attempts, reports.map(\.attempt).max() ?? 0)
        let latest = reports.filter { $0.attempt == attempts && $0.attempt > 0 }
        var ends: [Stage: StageEnd] = [:]
        for report in latest {
            if let stage = report.stage, report.status.isFinal {
                ends[stage] = StageEnd(report.status, details: report.details)
            }
        }
        let owesPostScript = job.owesPostScript && attempts == job.attempts
        // Said once, however often it breaks.
        let isPostScriptBroken = owesPostScript && job.postRuns > 0 && ends[.postScript] == nil
        let retry = reports.last { $0.stage == nil && $0.status == .waitingForRetry }?.details.nextAttemptAt
        self.init(
            attempts: attempts, brokenStage: Self.brokenStage(of: attempts, ends: ends, latest: latest), ends: ends,
            owesPostScript: owesPostScript, isPostScriptBroken: isPostScriptBroken, isCanceled: job.isCanceled,
            retryAt: retry.map { now.boot + ($0 - now.wall) })
    }

    /// The first stage of the latest attempt that has no end; `nil` when that attempt is over, or none began.
    private static func brokenStage(of attempts: Int, ends: [Stage: StageEnd], latest: [Report]) -> Stage? {
        guard attempts > 0 else { return nil }
        let isOver = latest.contains { $0.stage == nil && $0.status == .waitingForRetry }
        guard !isOver else { return nil }
        return Stage.allCases.first { ends[$0] == nil } ?? .postScript
    }
}
