import BookendAgent
import BookendModel
import Synchronization

/// One stage that the director has begun, and that ends when the test says so.
final class StageCall: Sendable {
    let job: JobID
    let attempt: Int
    let stage: Stage
    let stop: StopOrder
    let pre: StageEnd?
    let backup: StageEnd?
    let postRuns: Int
    private let state = Mutex((end: StageEnd?.none, waiter: CheckedContinuation<StageEnd, Never>?.none))

    init(_ context: AttemptContext, _ stage: Stage, _ stop: StopOrder, pre: StageEnd? = nil, backup: StageEnd? = nil) {
        job = context.trigger.job
        attempt = context.attempt
        postRuns = context.postRuns
        self.stage = stage
        self.stop = stop
        self.pre = pre
        self.backup = backup
    }

    func end(_ status: Status) {
        let waiter = state.withLock { state in
            if state.end == nil { state.end = StageEnd(status) }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: StageEnd(status))
    }

    fileprivate func wait() async -> StageEnd {
        await withCheckedContinuation { continuation in
            let end = state.withLock { state in
                if state.end == nil { state.waiter = continuation }
                return state.end
            }
            if let end { continuation.resume(returning: end) }
        }
    }
}

/// Stages that run nothing: each call waits for the test.
final class FakeStages: AttemptStages {
    private struct State {
        var isClosed = false
        var open: [StageCall] = []
        var missing: Set<Stage> = []
        var found: StageEnd?
        var lookup: StopOrder?
        var running: [JobID: Int] = [:]
        var mostAtOnce = 0
        var obstacle: String?
    }

    private let state = Mutex(State())
    private let calls: AsyncStream<StageCall>
    private let caller: AsyncStream<StageCall>.Continuation

    init(missing: Set<Stage> = []) {
        (calls, caller) = AsyncStream.makeStream()
        state.withLock { $0.missing = missing }
    }

    /// The next stage that begins; it has not ended. Throws when the task is canceled.
    func next() async throws -> StageCall {
        for await call in calls { return call }
        throw CancellationError()
    }

    /// Stages that ran at one moment, at most.
    var mostAtOnce: Int { state.withLock(\.mostAtOnce) }

    /// Scripts that are missing from here on.
    func miss(_ stages: Set<Stage>) { state.withLock { $0.missing = stages } }

    /// Why no attempt can be prepared from here on.
    func refuseAttempts(because reason: String?) { state.withLock { $0.obstacle = reason } }

    func prepare(_ context: AttemptContext) -> String? { state.withLock(\.obstacle) }

    func cleanUp(after context: AttemptContext) {}

    /// What the repository holds of a backup that broke.
    func hold(_ end: StageEnd) { state.withLock { $0.found = end } }

    /// The repository answers when this is given.
    func answer(at order: StopOrder) { state.withLock { $0.lookup = order } }

    func findBackup(of context: AttemptContext, unless stop: StopOrder) async -> StageEnd? {
        await state.withLock(\.lookup)?.wait()
        return state.withLock(\.found)
    }

    /// Ends everything, now and later, so that a test that failed comes to its end.
    func close() {
        let open = state.withLock { state in
            state.isClosed = true
            return state.open
        }
        for call in open { call.end(.failed) }
    }

    func runScript(
        _ stage: Stage, of context: AttemptContext, pre: StageEnd?, backup: StageEnd?, stop: StopOrder,
        started: @escaping @Sendable () async -> Void
    ) async -> ScriptOutcome {
        guard !state.withLock({ $0.missing.contains(stage) }) else { return .missing }
        await started()
        return .ended(await run(StageCall(context, stage, stop, pre: pre, backup: backup)))
    }

    func runBackup(
        of context: AttemptContext, stop: StopOrder, progress: @escaping @Sendable (EngineProgress) -> Void
    ) async -> StageEnd {
        await run(StageCall(context, .backup, stop))
    }

    private func run(_ call: StageCall) async -> StageEnd {
        let isClosed = state.withLock { state in
            state.open.append(call)
            state.running[call.job, default: 0] += 1
            state.mostAtOnce = max(state.mostAtOnce, state.running.values.reduce(0, +))
            return state.isClosed
        }
        if isClosed { call.end(.failed) } else { caller.yield(call) }
        defer { state.withLock { $0.running[call.job, default: 0] -= 1 } }
        return await call.wait()
    }
}
