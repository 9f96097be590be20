/// One policy on one agent: as it is there, against as it should be.
package struct PolicyDrift: Hashable, Sendable {
    package struct Problem: Hashable, Sendable {
        package enum Kind: String, Hashable, Sendable, CaseIterable {
            /// The agent is offline: what it said may be old.
            case offline
            /// The agent has not said since the coordinator started, or does not have the policy yet.
            case unknown
            /// The agent has another revision.
            case revision
            case scriptMissing = "script-missing"
            case scriptUnsafe = "script-unsafe"
            case scriptDiffers = "script-differs"
            /// The agent has not looked at its scripts for long.
            case stale
        }

        package var kind: Kind
        package var reason: String
        /// The stage would fail, or what it should do would not be done. A script that is missing is no cause for alarm where
        /// its counterpart is missing, too, and nothing asks for it.
        package var isAlarming: Bool

        package init(_ kind: Kind, _ reason: String, isAlarming: Bool = false) {
            self.kind = kind
            self.reason = reason
            self.isAlarming = isAlarming
        }
    }

    /// An agent looks each minute; one that did not for so long is stuck, as on a file system that does not answer.
    package static let patience = Duration.seconds(15 * 60)

    package var policy: PolicyName
    package var agent: AgentID
    /// The current one, which the agent should have.
    package var revision: Int64
    package var isOnline: Bool
    /// As the agent said last; `nil`: not since the coordinator started, or not of this policy.
    package var survey: ScriptSurvey?
    /// Empty: all is as it should be.
    package var problems: [Problem]

    package init(
        policy: PolicyName, agent: AgentID, revision: Int64, isOnline: Bool, survey: ScriptSurvey?, problems: [Problem]
    ) {
        self.policy = policy
        self.agent = agent
        self.revision = revision
        self.isOnline = isOnline
        self.survey = survey
        self.problems = problems
    }

    package init(_ policy: PolicyRevision, on agent: AgentID, isOnline: Bool, _ survey: ScriptSurvey?, at now: UnixTime)
    {
        var problems: [Problem] = []
        if !isOnline { problems.append(Problem(.offline, "the agent is offline")) }
        if let survey {
            if survey.revision != policy.revision {
                problems.append(Problem(.revision, "the agent has revision \(survey.revision)"))
            }
            if let plan = policy.policy.scripts { problems += Self.scriptProblems(survey, plan) }
            if isOnline, now - survey.at > Self.patience {
                problems.append(
                    Problem(.stale, "the agent has not looked at its scripts since \(survey.at.rfc3339)"))
            }
        } else {
            problems.append(Problem(.unknown, "the agent has not said yet that it has this policy"))
        }
        self.init(
            policy: policy.policy.name, agent: agent, revision: policy.revision, isOnline: isOnline, survey: survey,
            problems: problems)
    }

    private static func scriptProblems(_ survey: ScriptSurvey, _ plan: ScriptPlan) -> [Problem] {
        let isPreAsked = plan.skipBackupIfPreMissing || plan.preSHA256 != nil
        return problem(.preScript, survey.pre, isAsked: isPreAsked, beside: survey.post, plan)
            + problem(.postScript, survey.post, isAsked: plan.postSHA256 != nil, beside: survey.pre, plan)
    }

    private static func problem(
        _ stage: Stage, _ finding: ScriptSurvey.Finding?, isAsked: Bool, beside other: ScriptSurvey.Finding?,
        _ plan: ScriptPlan
    ) -> [Problem] {
        switch finding {
        case nil, .ready: []
        case .missing:
            [
                Problem(
                    .scriptMissing, "there is no \(stage.rawValue) in \(plan.directory)",
                    isAlarming: isAsked || other != .missing)
            ]
        case .unsafe(let reason): [Problem(.scriptUnsafe, reason, isAlarming: true)]
        case .differs(let reason): [Problem(.scriptDiffers, reason, isAlarming: true)]
        }
    }
}

/// What to compare.
package struct DriftFilter: Hashable, Sendable {
    /// `nil`: all policies.
    package var policy: PolicyName?
    /// `nil`: all agents.
    package var agent: AgentID?
    /// Also what is as it should be.
    package var includesHealthy: Bool

    package init(policy: PolicyName? = nil, agent: AgentID? = nil, includesHealthy: Bool = false) {
        self.policy = policy
        self.agent = agent
        self.includesHealthy = includesHealthy
    }
}

package struct DriftReport: Hashable, Sendable {
    /// Of one report, so that it stays one message.
    package static let rowLimit = 2_000

    /// By policy, then agent; at most ``rowLimit``.
    package var rows: [PolicyDrift]
    /// Pairs of a policy and an agent that were compared.
    package var compared: Int
    /// Pairs of them that drift, also those beyond the limit.
    package var drifting: Int

    package init(rows: [PolicyDrift], compared: Int, drifting: Int) {
        self.rows = rows
        self.compared = compared
        self.drifting = drifting
    }
}

/// A script of a policy that will not do what it should, as a list of the fleet names it.
package struct ScriptDrift: Hashable, Sendable {
    package var policy: PolicyName
    package var reason: String

    package init(policy: PolicyName, reason: String) {
        self.policy = policy
        self.reason = reason
    }
}
