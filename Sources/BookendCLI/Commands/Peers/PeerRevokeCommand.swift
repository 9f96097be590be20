import ArgumentParser
import BookendModel

struct PeerRevokeCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "revoke", abstract: "Shut out one \(Kind.word), at once and for ever.",
            discussion: """
                When the command returns, no daemon sends anything to its key or accepts
                anything from it, and its connections are cut. A collector that could not be
                told in time is named, and the exit status is 1: it hears of it when it is
                back. The key never comes in again; whoever is to come back needs a new key
                and a new token.

                Example:
                  bookend \(Kind.word) revoke \(Kind.example)
                """)
    }

    @Argument(help: "The name.")
    var name: AgentID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let identity = PeerIdentity(role: Kind.role, name: name.rawValue)
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .revoked(let revocation) = try await coordinator.control(.revokePeer(identity)) else {
            throw coordinator.unexpected()
        }
        output.write(
            .object([
                "peers": .list(revocation.peers.map(\.document)),
                "uninformed": .list(revocation.uninformed.map { .text($0.description) }),
            ])
        ) { _ in
            ["\(identity) is revoked"] + Self.rest(name)
        }
        guard revocation.uninformed.isEmpty else {
            let names = revocation.uninformed.map(\.description).joined(separator: ", ")
            throw CLIError(
                .failed,
                "\(names) could not be told: until it reaches the coordinator, it goes on accepting this key. Is it "
                    + "running, and can it reach the coordinator? Stop it if you must be sure")
        }
    }

    /// What a revocation cannot take back.
    private static func rest(_ name: AgentID) -> [String] {
        switch Kind.role {
        case .agent:
            [
                "", "It keeps what lies on its server. To take that back too:",
                "  - repositories: change the passwords and credentials that its configuration names, at the storage",
                "  - schedule: it carries its jobs for the coming days and starts them by itself; stop bookend-agent there",
                "  - policies: those that name it still do; bookend policy list shows them",
            ]
        case .operator:
            ["", "What it ordered goes on: bookend jobs --active shows the jobs that run."]
        case .collector:
            [
                "",
                "It keeps the reports that it has stored, and agents go on sending to it until their configuration changes.",
            ]
        case .subscriber, .coordinator: []
        }
    }
}
