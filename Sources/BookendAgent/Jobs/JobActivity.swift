import BookendModel
import Synchronization

/// Where a job is, for the agent's heartbeat, and whether it is to be canceled: shared by its runner and the others.
final class JobActivity: Sendable {
    private struct State {
        var job: ActiveJob
        var isCanceled = false
    }

    private let state: Mutex<State>

    init(job: JobID, policy: PolicyName) {
        state = Mutex(State(job: ActiveJob(job: job, policy: policy, attempt: 0, stage: nil)))
    }

    var activeJob: ActiveJob { state.withLock { $0.job } }

    /// A cancel has come, which the runner may not have read yet.
    var isCanceled: Bool { state.withLock { $0.isCanceled } }

    func cancel() {
        state.withLock { $0.isCanceled = true }
    }

    func update(attempt: Int, phase: JobMachine.Phase) {
        state.withLock { state in
            state.job.attempt = attempt
            state.job.stage =
                switch phase {
                case .preScript: .preScript
                case .backup: .backup
                case .postScript: .postScript
                case .new, .queued, .starting, .waiting, .ended: nil
                }
        }
    }
}
