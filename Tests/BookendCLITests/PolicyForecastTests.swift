import BookendModel
import Testing

@testable import BookendCLI

struct PolicyForecastTests {
    private let plain = Terminal(isTerminal: false, width: nil, height: 24, hasColor: false)
    private let agents = ["db-1", "web-1", "web-2"].map { id in
        AgentRecord(
            id: AgentID(rawValue: id), labels: ["kind": String(id.prefix(2))], isOnline: true, lastHeardAt: nil,
            version: "", generation: 1, activeJobs: [], outboxDepth: 0, clockSkew: .zero)
    }

    private func policy(_ pattern: String, program: String = "/bin/true") -> Policy {
        Policy(
            name: PolicyName(rawValue: "daily"), selector: Selector(patterns: [pattern]),
            engine: .command(CommandPlan(program: program)))
    }

    private func revision(_ number: Int64, _ policy: Policy) -> PolicyRevision {
        PolicyRevision(
            policy: policy, revision: number, appliedAt: UnixTime(milliseconds: number * 1_000), appliedBy: "bob")
    }

    private func outcome(_ change: PolicyOutcome.Change, _ number: Int64, _ ids: String...) -> PolicyOutcome {
        PolicyOutcome(
            name: PolicyName(rawValue: "daily"), revision: number, change: change,
            agents: ids.map(AgentID.init(rawValue:)))
    }

    @Test func `agents begin, stop, and get a new revision`() throws {
        let forecast = try #require(
            PolicyForecast(
                outcome(.changed, 3, "db-1", "web-1"), current: revision(2, policy("web-?")), agents: agents))
        #expect(forecast.begin.map(\.rawValue) == ["db-1"])
        #expect(forecast.stop.map(\.rawValue) == ["web-2"])
        #expect(forecast.revised.map(\.rawValue) == ["web-1"])
        #expect(
            forecast.lines(plain) == [
                "policy daily would change from revision 2 to 3", "  + 1 agent begins: db-1",
                "  - 1 agent stops: web-2",
                "  ~ 1 agent gets the new revision: web-1",
            ])
    }

    @Test func `labels that an agent has now decide what it ran before`() throws {
        var before = policy("*")
        before.selector = Selector(labels: ["kind": "we"])
        let forecast = try #require(
            PolicyForecast(outcome(.changed, 2), current: revision(1, before), agents: agents))
        #expect(forecast.stop.map(\.rawValue) == ["web-1", "web-2"])
        #expect(forecast.lines(plain).last == "  it would pick no agent yet")
    }

    @Test func `a new policy begins on all of its agents, an unchanged one changes nobody's work`() throws {
        let new = try #require(PolicyForecast(outcome(.created, 1, "web-1", "web-2"), current: nil, agents: agents))
        #expect(new.begin.count == 2 && new.stop == [] && new.revised == [] && new.current == nil)
        #expect(new.lines(plain)[1] == "  + 2 agents begin: web-1, web-2")
        let same = try #require(
            PolicyForecast(outcome(.unchanged, 4, "web-1"), current: revision(4, policy("web-1")), agents: agents))
        #expect(same.begin == [] && same.stop == [] && same.revised == [])
        #expect(same.lines(plain) == ["policy daily is unchanged at revision 4"])
    }

    @Test func `what somebody changed between the two questions makes no forecast`() {
        #expect(PolicyForecast(outcome(.created, 3), current: revision(2, policy("*")), agents: agents) == nil)
        #expect(PolicyForecast(outcome(.changed, 3), current: nil, agents: agents) == nil)
        #expect(PolicyForecast(outcome(.changed, 4), current: revision(2, policy("*")), agents: agents) == nil)
        #expect(PolicyForecast(outcome(.unchanged, 3), current: revision(2, policy("*")), agents: agents) == nil)
    }

    @Test func `each revision says what it changed, and a rollback whose text it has`() {
        let (one, two) = (policy("*"), policy("*", program: "/bin/false"))
        let steps = PolicyStep.steps([revision(3, one), revision(2, two), revision(1, one)])
        #expect(steps.map(\.phrase) == ["as revision 1 again", "changed backup.program", "created"])
        #expect(steps.map { $0.changes.count } == [1, 1, 0])
        let lines = PolicyStep.table(steps, now: UnixTime(milliseconds: 63_000)).lines(plain)
        #expect(lines[1].hasPrefix("       3") && lines[1].contains("bob") && lines[1].contains("60 s ago"))
    }
}
