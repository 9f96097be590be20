import BookendAgent
import BookendDaemon
import BookendModel
import Synchronization

/// Time that goes on only when the test says so. It starts at second 1,000 of both clocks.
final class TestClock: DaemonClock {
    private struct Sleeper {
        var deadline: BootTime
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Moment(wall: .at(1_000), boot: BootTime(milliseconds: 1_000_000))
        var sleepers: [Int: Sleeper] = [:]
        var canceled: Set<Int> = []
        var next = 0
    }

    private let state = Mutex(State())

    var now: Moment { state.withLock(\.now) }

    /// When the first sleeper wakes.
    var nextDeadline: BootTime? { state.withLock { $0.sleepers.values.map(\.deadline).min() } }

    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.value.deadline <= state.now.boot }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    func sleep(until deadline: BootTime) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if state.canceled.remove(id) != nil { return .failure(CancellationError()) }
                    if deadline <= state.now.boot { return .success(()) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.canceled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}
