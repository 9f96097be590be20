import Foundation
import Synchronization

/// The machine that fleets run on: several that mostly wait share it, and one that needs all of it has it alone.
///
/// Who wants it alone comes when nobody who shares it runs or waits: the machine is never emptied for one in between. Tests
/// are finite, and their time limits count the wait.
final class MachineRoom: Sendable {
    enum Need: Sendable {
        /// Most of its time it waits for deadlines, restarts and the like.
        case share
        /// It fills the processors, or measures how long something takes.
        case alone
    }

    private struct State {
        var sharing = 0
        var isTaken = false
        var sharers: [CheckedContinuation<Void, Never>] = []
        var loners: [CheckedContinuation<Void, Never>] = []

        /// Lets in who fits.
        mutating func admit(upTo places: Int) -> [CheckedContinuation<Void, Never>] {
            guard !isTaken else { return [] }
            let next = sharers.prefix(max(0, places - sharing))
            sharers.removeFirst(next.count)
            sharing += next.count
            guard sharing == 0, !loners.isEmpty else { return Array(next) }
            isTaken = true
            return [loners.removeFirst()]
        }
    }

    private let places: Int
    private let state = Mutex(State())

    /// - Parameter places: As many share it at once, at most.
    init(places: Int) {
        self.places = places
    }

    /// Runs the body once there is room.
    func with<Value>(_ need: Need, _ body: () async throws -> Value) async rethrows -> Value {
        await withCheckedContinuation { continuation in
            change { state in
                switch need {
                case .share: state.sharers.append(continuation)
                case .alone: state.loners.append(continuation)
                }
            }
        }
        defer {
            change { state in
                switch need {
                case .share: state.sharing -= 1
                case .alone: state.isTaken = false
                }
            }
        }
        return try await body()
    }

    private func change(_ body: (inout State) -> Void) {
        let admitted = state.withLock { state in
            body(&state)
            return state.admit(upTo: places)
        }
        for continuation in admitted { continuation.resume() }
    }
}
