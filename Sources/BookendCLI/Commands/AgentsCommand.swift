import ArgumentParser
import BookendModel

struct AgentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agents", abstract: "List the agents, or show one.",
        discussion: """
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
        let all = try await FleetClient(connection).coordinator().agents()
        let agents = agent.map { id in all.filter { $0.id == id } } ?? all
        if let agent, agents.isEmpty {
            throw CLIError(.refused, "there is no agent \(agent): bookend agents lists those that there are")
        }
        output.write(.object(["agents": .list(agents.map(\.document))])) { terminal in
            agents.isEmpty
                ? ["no agent is enrolled yet: its line must stand in the coordinator's key file"]
                : AgentTables.list(agents, now: .now).lines(terminal)
        }
    }
}
