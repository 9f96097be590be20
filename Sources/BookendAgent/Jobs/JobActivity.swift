import BookendModel
import Synchronization

/// Where a job is, for the agent's heartbeat: written by its runner, read by the link.
final class JobActivity: Sendable {
    private let state: Mutex<ActiveJob>

    init(job: JobID, policy: PolicyName) {
        state = Mutex(ActiveJob(job: job, policy: policy, attempt: 0, stage: nil))
    }

    var activeJob: ActiveJob { state.withLock { $0 } }

    func update(attempt: Int, phase: JobMachine.Phase) {
        state.withLock { job in
            job.attempt = attempt
            job.stage =
                switch phase {
                case .preScript: .preScript
                case .backup: .backup
                case .postScript: .postScript
                case .new, .queued, .starting, .waiting, .ended: nil
                }
        }
    }
}
