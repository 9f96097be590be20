import BookendModel
import BookendTransport
import Synchronization

/// One process from its start to its end.
///
/// A dead process has no effect any more: its sockets are gone, its store takes nothing, its clock wakes nobody, and its
/// tasks, which cannot be taken away from the runtime, are canceled and come to their ends without anyone noticing.
final class Life: @unchecked Sendable {
    enum Death: Error { case died }

    let machine: Machine
    let host: InMemoryHost
    private let timeline: Timeline
    private(set) var isAlive = true
    /// Its tasks have heard of its death.
    private var isGone = false
    var task: Task<Void, Never>?
    private var sleepers: [Int: UnsafeContinuation<Void, any Error>] = [:]
    private var lastSleeper = 0
    /// Called once when it dies.
    private var onDeath: [() -> Void] = []
    /// How many more steps it takes before it dies in the middle of one; `nil`: it is not marked.
    private var committedAt: Int64 = -1
    private var stepsLeft: Int?
    private var stepsCommit: String?
    private var onStep: ((Step) -> Void)?

    init(machine: Machine, host: InMemoryHost) {
        self.machine = machine
        self.host = host
        timeline = machine.timeline
    }

    // MARK: Dying

    /// From here on nothing of it has an effect.
    ///
    /// Its tasks hear of it a moment later: who calls this may hold a lock.
    func die() {
        guard isAlive else { return }
        isAlive = false
        timeline.after(0) { [self] in
            isGone = true
            host.crash()
            task?.cancel()
            let (waking, ending) = (sleepers, onDeath)
            (sleepers, onDeath) = ([:], [])
            for (_, sleeper) in waking.sorted(by: { $0.key < $1.key }) { sleeper.resume(throwing: Death.died) }
            for body in ending { body() }
        }
    }

    func whenItDies(_ body: @escaping () -> Void) { onDeath.append(body) }

    /// A transaction has just gone through: what is sent from here on is worth a death.
    func hasCommitted() { committedAt = timeline.now }

    var isFreshlyCommitted: Bool { committedAt == timeline.now }

    /// Marks it to die after so many steps; `struck` hears of the step in which it does.
    ///
    /// - Parameter commit: Only steps before and after this one are counted; `nil`: all.
    func dieAtStep(_ count: Int, of commit: String?, struck: @escaping (Step) -> Void) {
        (stepsLeft, stepsCommit) = (count, commit)
        onStep = struck
    }

    /// It need not die any more.
    func unmark() { stepsLeft = nil }

    /// It passes a place at which a death is worth trying.
    ///
    /// - Returns: It is alive.
    func passes(_ step: Step) -> Bool {
        guard isAlive else { return false }
        guard let left = stepsLeft, stepsCommit == nil || stepsCommit == step.commit else { return true }
        guard left == 0 else {
            stepsLeft = left - 1
            return true
        }
        stepsLeft = nil
        onStep?(step)
        die()
        return false
    }

    /// Returns once its tasks have heard of its death.
    func whenGone() async { while !isGone { try? await sleep(until: .max) } }  // It ends with a death.

    // MARK: Sleeping

    /// Of one that has just died nothing goes on before its tasks are canceled: a loop that tries again would not end.
    func sleep(until time: Int64) async throws {
        guard !isGone, !Task.isCancelled else { throw Death.died }
        guard !isAlive || time > timeline.now else { return }
        lastSleeper += 1
        let number = lastSleeper
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                guard !isGone, !Task.isCancelled else { return continuation.resume(throwing: Death.died) }
                sleepers[number] = continuation
                if !isAlive { return }  // Until it is gone.
                timeline.at(time) { [weak self] in self?.sleepers.removeValue(forKey: number)?.resume() }
            }
        } onCancel: {
            sleepers.removeValue(forKey: number)?.resume(throwing: CancellationError())
        }
    }
}

/// A place in a process at which a death is worth trying.
enum Step: Hashable {
    /// A transaction that is about to be committed.
    case beforeCommit(String)
    /// It is committed, and nothing that follows from it was done.
    case afterCommit(String)
    /// A message is about to leave.
    case beforeSend
    /// It has left.
    case afterSend
    /// A stage is about to start, and nothing of it runs.
    case beforeStage(Stage)
    /// Its program runs, and nobody was told.
    case afterStart(Stage)

    var commit: String? {
        switch self {
        case .beforeCommit(let what), .afterCommit(let what): what
        case .beforeSend, .afterSend, .beforeStage, .afterStart: nil
        }
    }

    var description: String {
        switch self {
        case .beforeCommit(let what): "before the commit: \(what)"
        case .afterCommit(let what): "after the commit: \(what)"
        case .beforeSend: "before a message left"
        case .afterSend: "after a message left"
        case .beforeStage(let stage): "before the start: \(stage.rawValue)"
        case .afterStart(let stage): "after the start: \(stage.rawValue)"
        }
    }
}
