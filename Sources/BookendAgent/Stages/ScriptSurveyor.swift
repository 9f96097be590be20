package import BookendModel
import Synchronization

/// Remembers what was found where the scripts of the agent's policies should be, and has it looked at again in time.
package final class ScriptSurveyor: Sendable {
    /// What is older is looked at again.
    package static let interval = Duration.seconds(60)

    private struct State {
        var surveys: [PolicyName: ScriptSurvey]?
        /// What the latest look was, or is, about.
        var revisions: [PolicyName: Int64] = [:]
        var lookedAt: BootTime?
        var isLooking = false
    }

    private let server: any AgentServer
    private let state = Mutex(State())

    package init(server: any AgentServer) { self.server = server }

    /// What is known, of these policies alone; `nil`: nothing yet. Never waits: what has to be looked at shows in a later
    /// answer.
    package func surveys(of policies: [PolicyRevision], at now: Moment) -> [PolicyName: ScriptSurvey]? {
        let revisions = Dictionary(policies.map { ($0.policy.name, $0.revision) }, uniquingKeysWith: max)
        let (known, mustLook) = state.withLock { state in
            let isOld = state.lookedAt.map { now.boot - $0 >= Self.interval } ?? true
            let mustLook = !state.isLooking && (isOld || state.revisions != revisions)
            if mustLook { (state.isLooking, state.lookedAt, state.revisions) = (true, now.boot, revisions) }
            return (state.surveys, mustLook)
        }
        if mustLook {
            server.survey(policies, at: now.wall) { [weak self] surveys in
                self?.state.withLock { state in
                    state.isLooking = false
                    if let surveys { state.surveys = surveys }
                }
            }
        }
        return known?.filter { revisions[$0.key] != nil }
    }
}
