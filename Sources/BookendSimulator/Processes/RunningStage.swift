import BookendAgent
import BookendModel

/// A program that an agent has started: goes on without the agent, until its own end or until somebody ends it.
final class RunningStage: @unchecked Sendable {
    enum Ending {
        case own, timeout
        /// It was told to stop.
        case ordered
        /// By a new agent, or with its machine.
        case killed
        /// The agent that waited has died; the program runs on.
        case unknown
    }

    let job: JobID
    let attempt: Int
    let stage: Stage
    let group: String?
    let hasScripts: Bool
    /// The agent that started it.
    let life: Life
    private unowned let host: AgentHost
    private(set) var isOver = false
    private var isOrdered = false
    private var waiter: UnsafeContinuation<Ending, Never>?
    private var ending: Ending?
    /// What its own end leaves, such as a snapshot.
    private let onEnd: () -> Void

    init(
        _ stage: Stage, of context: AttemptContext, on host: AgentHost, life: Life, lasting: Int64, timeout: Int64?,
        onEnd: @escaping () -> Void
    ) {
        self.stage = stage
        (job, attempt) = (context.trigger.job, context.attempt)
        hasScripts = context.policy.policy.scripts != nil
        group = context.policy.policy.scripts?.exclusiveGroup
        self.host = host
        self.life = life
        self.onEnd = onEnd
        if let timeout, timeout < lasting {
            host.world.timeline.after(timeout) { [weak self] in self?.end(.timeout) }
        } else {
            host.world.timeline.after(lasting) { [weak self] in self?.end(.own) }
        }
        life.whenItDies { [weak self] in self?.answer(.unknown) }
    }

    /// It stops soon.
    func order(within delay: Int64) {
        guard !isOver, !isOrdered else { return }
        isOrdered = true
        host.world.timeline.after(delay) { [weak self] in self?.end(.ordered) }
    }

    func kill() {
        guard !isOver else { return }
        isOver = true
        host.world.note("\(host.id)", "job \(job), attempt \(attempt): the \(stage.rawValue) is killed")
        answer(.killed)
    }

    /// How it ended, once it has.
    func wait() async -> Ending {
        await withUnsafeContinuation { continuation in
            if let ending { continuation.resume(returning: ending) } else { waiter = continuation }
        }
    }

    private func end(_ ending: Ending) {
        guard !isOver else { return }
        isOver = true
        if ending == .own { onEnd() }
        host.ended(self)
        host.running.removeAll { $0 === self }
        answer(ending)
    }

    private func answer(_ ending: Ending) {
        guard self.ending == nil else { return }
        self.ending = ending
        waiter?.resume(returning: ending)
        waiter = nil
    }
}
