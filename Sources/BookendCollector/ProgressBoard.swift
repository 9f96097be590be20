import BookendModel
import Synchronization

/// The latest progress of each running backup. In memory only: progress may be lost.
final class ProgressBoard: Sendable {
    /// Jobs, at most; the one that was heard of longest ago gives way.
    private static let limit = 10_000
    /// The shortest time between two that are passed on for one job.
    private static let interval = Duration.milliseconds(500)

    private let latest = Mutex<[JobID: Progress]>([:])

    /// Keeps it.
    ///
    /// - Returns: It is to be passed on; false when the last one was a moment ago.
    func take(_ progress: Progress) -> Bool {
        latest.withLock { latest in
            if let last = latest[progress.job], progress.at - last.at < Self.interval, progress.at >= last.at {
                return false
            }
            if latest.count >= Self.limit, let oldest = latest.values.min(by: { $0.at < $1.at }) {
                latest[oldest.job] = nil
            }
            latest[progress.job] = progress
            return true
        }
    }

    func forget(_ job: JobID) {
        latest.withLock { $0[job] = nil }
    }
}
