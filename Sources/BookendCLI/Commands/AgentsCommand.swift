import ArgumentParser
import BookendModel

struct AgentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agents", abstract: "List the agents, or show one.",
        discussion: """
            One agent is shown with the jobs of the schedule that it starts next.

            Examples:
              bookend agents
              bookend agents web-1
              bookend agents --output json
            """)

    @Argument(help: "Only this agent.")
    var agent: AgentID?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        let all = try await coordinator.agents()
        let agents = agent.map { id in all.filter { $0.id == id } } ?? all
        if let agent, agents.isEmpty {
            throw CLIError(.refused, "there is no agent \(agent): bookend agents lists those that there are")
        }
        let slots = agent == nil ? nil : try await coordinator.slots(at: agent, limit: 100)
        let document = Document.object(["agents": .list(agents.map(\.document))])
        output.write(slots.map { document + .object(["slots": .list($0.map(\.document))]) } ?? document) { terminal in
            guard !agents.isEmpty else {
                return ["no agent is enrolled yet: its line must stand in the coordinator's key file"]
            }
            let lines = AgentTables.list(agents, now: .now).lines(terminal)
            guard let slots, !slots.isEmpty else { return lines }
            return lines + [""] + AgentTables.slots(slots, now: .now).lines(terminal)
        }
    }
}
