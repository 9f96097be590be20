import ArgumentParser
import BookendModel

struct PeerLabelCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "label", abstract: "Set and take away labels of one \(Kind.word).",
            discussion: """
                Labels of one that stands in the key file are changed there.

                Examples:
                  bookend \(Kind.word) label \(Kind.example) rack=7 site=north
                  bookend \(Kind.word) label \(Kind.example) --remove rack
                """)
    }

    @Argument(help: "The name.")
    var name: AgentID
    @Argument(help: ArgumentHelp("Labels to set.", valueName: "key=value"))
    var labels: [LabelArgument] = []
    @Option(help: ArgumentHelp("A label to take away; may be repeated.", valueName: "key"))
    var remove: [String] = []
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !labels.isEmpty || !remove.isEmpty else {
            throw ValidationError("expected labels to set, as key=value, or --remove key")
        }
    }

    func run() async throws {
        let set = Dictionary(labels.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        let identity = PeerIdentity(role: Kind.role, name: name.rawValue)
        try await PeerChange(.labelPeer(identity, set: set, remove: remove), connection).show(output) { peer in
            "\(peer.identity): \(peer.labels.isEmpty ? "no labels" : PeerTables.labels(peer))"
        }
    }
}

struct PeerRenameCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "rename", abstract: "Give another name to one \(Kind.word) that waits for approval.",
            discussion: """
                One that was approved keeps its name, as its jobs and reports bear it: enroll
                it anew to change it.

                Example:
                  bookend \(Kind.word) rename \(Kind.example) \(Kind.example)-new
                """)
    }

    @Argument(help: "The name.")
    var name: AgentID
    @Argument(help: "The new name.")
    var newName: AgentID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let identity = PeerIdentity(role: Kind.role, name: name.rawValue)
        try await PeerChange(.renamePeer(identity, to: newName.rawValue), connection).show(output) { peer in
            "\(identity) is \(peer.identity) now"
        }
    }
}

struct PeerApproveCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "approve", abstract: "Let in one \(Kind.word) that waits for approval.",
            discussion: """
                Compare the public key that is printed with the one that the enrolling command
                shows.

                Examples:
                  bookend \(Kind.word) list
                  bookend \(Kind.word) approve \(Kind.example)
                """)
    }

    @Argument(help: "The name.")
    var name: AgentID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let identity = PeerIdentity(role: Kind.role, name: name.rawValue)
        try await PeerChange(.approvePeer(identity), connection).show(output) { peer in
            "\(peer.identity) is admitted, with the key \(peer.key)"
        }
    }
}

/// What the coordinator changed.
private struct PeerChange {
    private let peers: [Peer]

    init(_ request: ControlRequest, _ connection: ConnectionOptions) async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .peers(let peers) = try await coordinator.control(request) else { throw coordinator.unexpected() }
        self.peers = peers
    }

    func show(_ output: OutputOptions, _ line: (Peer) -> String) {
        output.write(.object(["peers": .list(peers.map(\.document))])) { _ in peers.map(line) }
    }
}
