import BookendModel
import Testing

/// When an agent is not what a policy says, and when somebody is called for it.
struct PolicyDriftTests {
    private static let agent = AgentID(rawValue: "web-1")
    private let now = UnixTime(milliseconds: 100_000_000)

    private func policy(
        _ name: String = "nightly", revision: Int64 = 2, scripts: ScriptPlan? = ScriptPlan(directory: "/s")
    ) -> PolicyRevision {
        PolicyRevision(
            policy: Policy(
                name: PolicyName(rawValue: name), selector: Selector(patterns: ["*"]),
                engine: .command(CommandPlan(program: "/bin/true")), scripts: scripts),
            revision: revision, appliedAt: now, appliedBy: "test")
    }

    private func drift(
        _ pre: ScriptSurvey.Finding?, _ post: ScriptSurvey.Finding?, scripts: ScriptPlan? = ScriptPlan(directory: "/s"),
        has revision: Int64 = 2, isOnline: Bool = true, minutesAgo: Int64 = 1
    ) -> [String] {
        let survey = ScriptSurvey(
            revision: revision, at: now + .seconds(-60 * minutesAgo), pre: pre, post: post)
        return words(
            PolicyDrift(policy(scripts: scripts), on: Self.agent, isOnline: isOnline, survey, at: now))
    }

    private func words(_ drift: PolicyDrift) -> [String] {
        drift.problems.map { ($0.isAlarming ? "! " : "") + "\($0.kind.rawValue): \($0.reason)" }
    }

    @Test func `what is as it should be has no problem`() {
        #expect(drift(.ready, .ready) == [])
        #expect(drift(nil, nil, scripts: nil) == [])
        #expect(drift(.ready, .ready, minutesAgo: 15) == [])
    }

    @Test func `each difference is named`() {
        #expect(drift(.ready, .ready, has: 1) == ["revision: the agent has revision 1"])
        #expect(drift(.ready, .ready, isOnline: false) == ["offline: the agent is offline"])
        #expect(
            drift(.ready, .ready, minutesAgo: 16)
                == ["stale: the agent has not looked at its scripts since 1970-01-02T03:30:40.000Z"])
        // Who is offline cannot have looked.
        #expect(drift(.ready, .ready, isOnline: false, minutesAgo: 16) == ["offline: the agent is offline"])
        #expect(
            words(PolicyDrift(policy(), on: Self.agent, isOnline: true, nil, at: now))
                == ["unknown: the agent has not said yet that it has this policy"])
        #expect(drift(.unsafe("others write it"), .ready) == ["! script-unsafe: others write it"])
        #expect(drift(.ready, .differs("another")) == ["! script-differs: another"])
    }

    @Test func `a missing script is a cause for alarm where its counterpart is there, or something asks for it`() {
        let (pre, post) = (
            "script-missing: there is no pre-script in /s", "script-missing: there is no post-script in /s"
        )
        #expect(drift(.missing, .missing) == [pre, post])
        #expect(drift(.missing, .ready) == ["! " + pre])
        #expect(drift(.ready, .missing) == ["! " + post])
        #expect(drift(.missing, .unsafe("x")) == ["! " + pre, "! script-unsafe: x"])
        let asks = ScriptPlan(directory: "/s", skipBackupIfPreMissing: true)
        #expect(drift(.missing, .missing, scripts: asks) == ["! " + pre, post])
        let pins = ScriptPlan(directory: "/s", postSHA256: String(repeating: "0", count: 64))
        #expect(drift(.missing, .missing, scripts: pins) == [pre, "! " + post])
    }

    // MARK: The coordinator

    private func moment(_ second: Int64) -> Moment {
        Moment(wall: now + .seconds(second), boot: BootTime(milliseconds: second * 1_000))
    }

    private func heartbeat(_ scripts: [PolicyName: ScriptSurvey]?) -> Heartbeat {
        var heartbeat = Heartbeat(generation: 1, activeJobs: [], outboxDepth: 0, wall: now)
        heartbeat.scripts = scripts
        return heartbeat
    }

    @Test func `the fleet is compared with its policies, and what agents said last is kept`() {
        var machine = CoordinatorMachine(CoordinatorState(policies: [policy(), policy("other", scripts: nil)]))
        let (one, two) = (Self.agent, AgentID(rawValue: "web-2"))
        _ = machine.handle(.enrolled([one: [:], two: [:]]), at: moment(0))
        let (nightly, other) = (PolicyName(rawValue: "nightly"), PolicyName(rawValue: "other"))
        let ready = ScriptSurvey(revision: 2, at: now, pre: .ready, post: .ready)
        let bare = ScriptSurvey(revision: 2, at: now)
        var missing = ready
        missing.post = .missing
        _ = machine.handle(.heartbeat(one, heartbeat([nightly: missing, other: bare])), at: moment(1))
        _ = machine.handle(.heartbeat(two, heartbeat(nil)), at: moment(1))
        let report = machine.drift(DriftFilter(), at: moment(2).wall)
        #expect(report.compared == 4 && report.drifting == 3)
        #expect(report.rows.map { "\($0.policy) \($0.agent)" } == ["nightly web-1", "nightly web-2", "other web-2"])
        #expect(machine.agentRecords(at: moment(2).wall).map { $0.scriptDrift?.map(\.policy) } == [[nightly], nil])

        // One that does not say leaves what it said.
        _ = machine.handle(.heartbeat(one, heartbeat(nil)), at: moment(3))
        _ = machine.handle(.heartbeat(two, heartbeat([nightly: ready, other: bare])), at: moment(3))
        #expect(machine.drift(DriftFilter(), at: moment(3).wall).drifting == 1)
        _ = machine.handle(.heartbeat(one, heartbeat([nightly: ready, other: bare])), at: moment(4))
        #expect(machine.drift(DriftFilter(), at: moment(4).wall).rows.isEmpty)
        #expect(machine.agentRecords(at: moment(4).wall).map { $0.scriptDrift?.isEmpty } == [true, true])

        let all = machine.drift(DriftFilter(policy: nightly, agent: two, includesHealthy: true), at: moment(4).wall)
        #expect(all.rows.map(\.survey) == [ready] && all.compared == 1 && all.drifting == 0)
    }

    /// The list goes to the collectors again and again, as one message.
    @Test func `a fleet that drifts alike is named as far as there is room, and the others as not known`() {
        var machine = CoordinatorMachine(CoordinatorState(policies: [policy()]))
        let agents = (0..<4_010).map { AgentID(rawValue: "web-\($0)") }
        _ = machine.handle(.enrolled(Dictionary(uniqueKeysWithValues: agents.map { ($0, [:]) })), at: moment(0))
        let missing = ScriptSurvey(revision: 2, at: now, pre: .ready, post: .missing)
        for agent in agents {
            _ = machine.handle(
                .heartbeat(agent, heartbeat([PolicyName(rawValue: "nightly"): missing])), at: moment(1))
        }
        let drifts = machine.agentRecords(at: moment(2).wall).map(\.scriptDrift)
        #expect(drifts.prefix(4_000).allSatisfy { $0?.count == 1 } && drifts.suffix(10).allSatisfy { $0 == nil })
        let report = machine.drift(DriftFilter(), at: moment(2).wall)
        #expect(report.rows.count == DriftReport.rowLimit && report.drifting == 4_010)
    }
}
