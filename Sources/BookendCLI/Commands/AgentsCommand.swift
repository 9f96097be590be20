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

    @OptionGroup var listing: AgentListing

    func run() async throws {
        try await listing.run()
    }
}

/// The same by another name.
struct AgentListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the agents, or show one.",
        discussion: """
            Those that wait for approval stand below the others. One agent is shown with
            the jobs of the schedule that it starts next.

            Examples:
              bookend agent list
              bookend agent list --all
              bookend agent list --output json
            """)

    @OptionGroup var listing: AgentListing

    func run() async throws {
        try await listing.run()
    }
}

struct AgentListing: ParsableArguments {
    @Argument(help: "Only this agent.")
    var agent: AgentID?
    @Flag(help: "Revoked ones too.")
    var all = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        let known = try await coordinator.agents()
        let agents = agent.map { id in known.filter { $0.id == id } } ?? known
        let others = try await coordinator.peers(.agent).filter { peer in
            (peer.state == .pending || all && peer.state == .revoked)
                && (agent == nil || peer.identity.name == agent?.rawValue)
        }
        if let agent, agents.isEmpty, others.isEmpty {
            throw CLIError(.refused, "there is no agent \(agent): bookend agents lists those that there are")
        }
        let slots = agent == nil ? nil : try await coordinator.slots(at: agent, limit: 100)
        let document = Document.object([
            "agents": .list(agents.map(\.document)), "others": .list(others.map(\.document)),
        ])
        output.write(slots.map { document + .object(["slots": .list($0.map(\.document))]) } ?? document) { terminal in
            guard !agents.isEmpty || !others.isEmpty else {
                return ["no agent is enrolled yet: make a token for it with bookend agent token create"]
            }
            var lines = agents.isEmpty ? [] : AgentTables.list(agents, now: .now).lines(terminal)
            lines += agents.filter(\.cannotRecord).prefix(20).map { agent in
                terminal.paint(
                    SafeText.line("nothing new begins on \(agent.id): \(agent.journalProblem ?? "")"), .bad)
            }
            lines += agents.filter { $0.clockProblem != nil }.prefix(20).map { agent in
                terminal.paint(SafeText.line(agent.clockLine), .notice)
            }
            if !others.isEmpty {
                lines += (lines.isEmpty ? [] : [""]) + PeerTables.list(others, now: .now).lines(terminal)
            }
            guard let slots, !slots.isEmpty else { return lines }
            return lines + [""] + AgentTables.slots(slots, now: .now).lines(terminal)
        }
    }
}
