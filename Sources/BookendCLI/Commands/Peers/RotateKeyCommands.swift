import ArgumentParser
import BookendFiles
import BookendModel
import BookendTransport

struct AgentRotateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key", abstract: "Have one agent change its key. Jobs that run there go on.",
        discussion: """
            The agent makes the new key on its own server and tells its public half. Both
            keys hold until the new one is used; then the old one is revoked, everywhere.
            Whatever dies on the way, the agent comes back with one of the two: run the
            command again to end what was begun.

            For a key that was stolen this is not enough, as whoever has it could have
            answered: revoke that agent, and enroll it anew.

            Example:
              bookend agent rotate-key web-1
            """)

    /// Coordinator, agent and collectors have their own times to wait for each other; together they are less.
    private static let patience = Duration.seconds(60)

    @Argument(help: "The name.")
    var name: AgentID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .rotated(let rotation) = try await coordinator.control(.rotateKey(name), within: Self.patience)
        else {
            throw coordinator.unexpected()
        }
        try rotation.show(output)
    }
}

struct OwnRotateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key", abstract: "Change your own key: that of the context.",
        discussion: """
            The new key is made beside the old one, as KEYFILE.next, and takes its place
            once the coordinator has seen it; the old one is revoked then. Was it
            interrupted, run it again. A key that stands in several contexts is changed
            for this fleet, and the file with it.

            Example:
              bookend operator rotate-key --context berlin
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = try connection.resolved()
        guard context.coordinator.endpoint.hasPrefix("tcp://"), let keyFile = context.keyFile else {
            throw CLIError(
                .usage,
                "\(context.coordinator.endpoint) takes no key, and there is none to change: name a context that reaches "
                    + "the coordinator over TCP")
        }
        let file = NextKeyFile(besides: keyFile)
        var next = context
        next.keyFile = file.path
        let key: PublicKey
        let wasBegun: Bool
        do {
            wasBegun = try file.read() != nil
            key = PublicKey(try file.make().publicKey)
        } catch {
            throw CLIError(.failed, error.message)
        }
        var uninformed: [PeerIdentity] = []
        do throws(CLIError) {
            uninformed = try await ask(for: key, context).uninformed
        } catch {
            // It may be the next key that is let in, and that one only.
            guard wasBegun, error.code == .refused else { throw error }
        }
        var rotation = try await ask(for: key, next)
        do {
            try file.promote()
        } catch {
            throw CLIError(.failed, "\(error.message): your key is in \(file.path) now")
        }
        rotation.uninformed = Set(rotation.uninformed + uninformed).sorted()
        try rotation.show(output)
    }

    private func ask(
        for key: PublicKey, _ context: ClientConfiguration.Context
    ) async throws(CLIError) -> KeyRotation {
        let coordinator = try await FleetClient.open(context).coordinator()
        guard case .rotated(let rotation) = try await coordinator.control(.rotateOwnKey(key)) else {
            throw coordinator.unexpected()
        }
        return rotation
    }
}

extension KeyRotation {
    fileprivate func show(_ output: OutputOptions) throws {
        output.write(
            .object([
                "identity": .text(identity.description), "public_key": .text(key.text), "is_in_use": .bool(isInUse),
                "uninformed": .list(uninformed.map { .text($0.description) }),
            ])
        ) { _ in
            isInUse
                ? ["\(identity) has the key \(key) now; the one before is revoked"]
                : ["\(identity) has a next key, \(key); the one before holds until that one is used"]
        }
        if !isInUse {
            throw CLIError(
                .failed, "\(identity) did not come with its new key in time: see its log, and run the command again")
        }
        guard uninformed.isEmpty else {
            let names = uninformed.map(\.description).joined(separator: ", ")
            throw CLIError(
                .failed,
                "\(names) could not be told: until it reaches the coordinator, it knows the key before only. Is it "
                    + "running?")
        }
    }
}
