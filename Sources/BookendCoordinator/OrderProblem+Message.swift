import BookendFiles
import BookendModel

extension OrderProblem {
    /// What the operator is told: the thing, and the next step.
    var failure: RemoteFailure {
        switch self {
        case .unknownPolicy(let name, let known):
            RemoteFailure(
                .notFound,
                "there is no policy \(name)" + suggestion(name, known, "bookend policy list shows those that there are")
            )
        case .unknownAgent(let id, let known):
            RemoteFailure(
                .notFound,
                "there is no agent \(id)" + suggestion(id, known, "bookend agents shows those that there are"))
        case .notPicked(let id, let policy):
            RemoteFailure(
                .refused,
                "policy \(policy) does not pick agent \(id): change its agents, or the agent's labels; bookend policy "
                    + "show \(policy) shows the policy")
        case .picksNobody(let policy):
            RemoteFailure(
                .notFound,
                "policy \(policy) picks no agent that there is: compare its agents with what bookend agents shows")
        case .narrowedToNobody(let policy, let picked):
            RemoteFailure(
                .notFound,
                "none of the \(picked.count) agents of policy \(policy) matches: it picks "
                    + picked.prefix(5).map(\.rawValue).joined(separator: ", ") + (picked.count > 5 ? ", …" : ""))
        case .wrongQueue(let queue, let longest):
            RemoteFailure(
                .invalid,
                "an order can wait for more than no time and at most \(longest.milliseconds / 86_400_000) days, not for "
                    + "\(queue)")
        case .expired(let validUntil, let now):
            RemoteFailure(
                .refused,
                "the order was read too late, and nothing was done: it was valid until \(InstantText.render(validUntil)) "
                    + "by its sender's clock, and it is \(InstantText.render(now)) here; order again, or set the clocks right"
            )
        case .withoutScripts(let policy):
            RemoteFailure(
                .refused,
                "policy \(policy) has no scripts, so there is nothing to rehearse: bookend policy show \(policy) shows it"
            )
        case .tooManyOpen(let open, let limit):
            RemoteFailure(
                .unavailable,
                "\(open) triggers wait for their agents already, and \(limit) can: order less at once, or cancel some")
        }
    }

    private func suggestion<N: Name>(_ name: N, _ known: [N], _ otherwise: String) -> String {
        let near = Nearest.match(name.rawValue, among: known.lazy.map(\.rawValue))
        return near.map { ": did you mean \($0)?" } ?? ": \(otherwise)"
    }
}
