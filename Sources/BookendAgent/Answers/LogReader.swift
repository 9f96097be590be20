import BookendDaemon
import BookendModel
import Glibc

/// Sends the captured output of a job, as it lies on disk and, on demand, as it grows.
struct LogReader {
    /// How often a growing output is looked at.
    private static let pollInterval = Duration.milliseconds(250)
    private static let chunkSize = 64 * 1_024

    let store: OutputStore
    let clock: any DaemonClock
    /// The job has not ended: more output may come.
    let isActive: @Sendable () async -> Bool

    /// - Throws: ``RemoteFailure`` when there is nothing; what `send` throws.
    func send(
        _ job: JobID, attempt: Int?, stage: Stage?, follow: Bool, send: @Sendable (AskAnswer) async throws -> Void
    ) async throws {
        var offsets: [String: Int] = [:]
        var wasActive = true
        while true {
            // Asked before reading: what is written between the two is read in the next round.
            let isActive = follow ? await self.isActive() : false
            let pieces = selected(store.pieces(of: job), attempt: attempt, stage: stage)
            if pieces.isEmpty, !isActive {
                throw RemoteFailure(
                    .notFound, "there is no captured output of job \(job) here: no script ran, or it was removed by age"
                )
            }
            for piece in pieces { try await sendNew(of: piece, offsets: &offsets, send: send) }
            guard wasActive, follow else { return }
            wasActive = isActive
            if isActive { try await clock.sleep(until: clock.now.boot + Self.pollInterval) }
        }
    }

    /// Without an attempt: the latest one.
    private func selected(_ pieces: [OutputStore.Piece], attempt: Int?, stage: Stage?) -> [OutputStore.Piece] {
        let wanted = attempt ?? pieces.map(\.attempt).max()
        return pieces.filter { $0.attempt == wanted && (stage == nil || $0.stage == stage) }
    }

    private func sendNew(
        of piece: OutputStore.Piece, offsets: inout [String: Int], send: @Sendable (AskAnswer) async throws -> Void
    ) async throws {
        let descriptor = open(piece.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }  // removed since it was listed
        defer { close(descriptor) }
        while true {
            let offset = offsets[piece.path, default: 0]
            var buffer = [UInt8](repeating: 0, count: Self.chunkSize)
            let count = pread(descriptor, &buffer, buffer.count, off_t(offset))
            guard count > 0 else { return }
            offsets[piece.path] = offset + count
            try await send(
                .log(
                    LogChunk(
                        attempt: piece.attempt, stage: piece.stage, stream: piece.stream,
                        data: Array(buffer.prefix(count)))))
        }
    }
}
