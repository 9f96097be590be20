import ArgumentParser
import BookendModel

struct PeerListCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "list", abstract: "List the keys of each \(Kind.word), and where they come from.",
            discussion: """
                Examples:
                  bookend \(Kind.word) list
                  bookend \(Kind.word) list --all --output json
                """)
    }

    @Flag(help: "Revoked ones too.")
    var all = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let peers = try await FleetClient(connection).coordinator().peers(Kind.role)
            .filter { all || $0.state != .revoked }
        output.write(.object(["peers": .list(peers.map(\.document))])) { terminal in
            guard !peers.isEmpty else { return ["no \(Kind.word) is enrolled yet"] }
            return PeerTables.list(peers, now: .now).lines(terminal)
        }
    }
}

struct PeerShowCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "show", abstract: "Show the keys of one \(Kind.word), revoked ones too.",
            discussion: """
                Examples:
                  bookend \(Kind.word) show \(Kind.example)
                  bookend \(Kind.word) show \(Kind.example) --output yaml
                """)
    }

    @Argument(help: "The name.")
    var name: AgentID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let peers = try await FleetClient(connection).coordinator().peers(Kind.role)
            .filter { $0.identity.name == name.rawValue }
        guard !peers.isEmpty else {
            throw CLIError(
                .refused, "there is no \(Kind.word) \(name): bookend \(Kind.word) list shows those that there are")
        }
        output.write(.object(["peers": .list(peers.map(\.document))])) { _ in
            Array(peers.map { PeerTables.lines($0, now: .now) }.joined(separator: [""]))
        }
    }
}
