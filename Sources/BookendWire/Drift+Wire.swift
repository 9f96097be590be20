import BookendModel

/// The longest reason that is sent, in bytes.
private let reasonBytes = 400

extension ProtoScriptFinding {
    init(_ finding: ScriptSurvey.Finding) {
        self.init()
        switch finding {
        case .ready: state = .ready
        case .missing: state = .missing
        case .unsafe(let text): (state, reason) = (.unsafe, text.cut(toBytes: reasonBytes))
        case .differs(let text): (state, reason) = (.differs, text.cut(toBytes: reasonBytes))
        }
    }
}

extension ScriptSurvey.Finding {
    init(_ proto: ProtoScriptFinding) throws(WireError) {
        let reason = try proto.reason.bounded(reasonBytes, "script_finding.reason")
        switch proto.state {
        case .ready: self = .ready
        case .missing: self = .missing
        case .unsafe: self = .unsafe(reason)
        case .differs: self = .differs(reason)
        case .unspecified: throw WireError(.invalid, "script_finding.state: it is not there")
        case .UNRECOGNIZED(let number): throw WireError(.invalid, "script_finding.state: unknown value \(number)")
        }
    }
}

extension ProtoScriptSurvey {
    init(_ policy: PolicyName, _ survey: ScriptSurvey) {
        self.init()
        self.policy = policy.rawValue
        revision = survey.revision
        atUnixMs = survey.at.milliseconds
        if let finding = survey.pre { pre = ProtoScriptFinding(finding) }
        if let finding = survey.post { post = ProtoScriptFinding(finding) }
    }
}

extension ScriptSurvey {
    init(_ proto: ProtoScriptSurvey) throws(WireError) {
        self.init(
            revision: proto.revision, at: UnixTime(milliseconds: proto.atUnixMs),
            pre: proto.hasPre ? try Finding(proto.pre) : nil, post: proto.hasPost ? try Finding(proto.post) : nil)
    }
}

extension ProtoScriptDrifts {
    init(_ list: [ScriptDrift]) {
        self.init()
        drifts = list.map { drift in
            var proto = ProtoScriptDrift()
            proto.policy = drift.policy.rawValue
            proto.reason = drift.reason.cut(toBytes: reasonBytes)
            return proto
        }
    }
}

extension ScriptDrift {
    static func list(_ proto: ProtoScriptDrifts) throws(WireError) -> [ScriptDrift] {
        try proto.drifts.bounded(AgentRecord.namedDrifts, "script_drift").map { drift throws(WireError) in
            ScriptDrift(
                policy: try PolicyName(wire: drift.policy, "script_drift.policy"),
                reason: try drift.reason.bounded(reasonBytes, "script_drift.reason"))
        }
    }
}

extension ProtoPolicyDrift {
    init(_ drift: PolicyDrift) {
        self.init()
        policy = drift.policy.rawValue
        agent = drift.agent.rawValue
        revision = drift.revision
        isOnline = drift.isOnline
        if let survey = drift.survey { self.survey = ProtoScriptSurvey(drift.policy, survey) }
        problems = drift.problems.map { problem in
            var proto = Problem()
            proto.kind = problem.kind.rawValue
            proto.reason = problem.reason.cut(toBytes: reasonBytes)
            proto.isAlarming = problem.isAlarming
            return proto
        }
    }
}

extension PolicyDrift {
    init(_ proto: ProtoPolicyDrift) throws(WireError) {
        self.init(
            policy: try PolicyName(wire: proto.policy, "drift.policy"),
            agent: try AgentID(wire: proto.agent, "drift.agent"), revision: proto.revision, isOnline: proto.isOnline,
            survey: proto.hasSurvey ? try ScriptSurvey(proto.survey) : nil,
            problems: try proto.problems.bounded(100, "drift.problems").map { problem throws(WireError) in
                guard let kind = Problem.Kind(rawValue: problem.kind) else {
                    throw WireError(.invalid, "drift.problems: unknown kind")
                }
                return Problem(
                    kind, try problem.reason.bounded(reasonBytes, "drift.problems.reason"),
                    isAlarming: problem.isAlarming)
            })
    }
}
