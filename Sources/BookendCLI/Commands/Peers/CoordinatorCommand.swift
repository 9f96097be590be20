import ArgumentParser
import BookendModel

struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator", abstract: "Look after the coordinator's own key.",
        discussion: """
            Example:
              bookend coordinator rotate-key
            """,
        subcommands: [CoordinatorRotateKeyCommand.self])
}

struct CoordinatorRotateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Change the coordinator's key. Jobs go on, and no agent is touched by hand.",
        discussion: """
            First a next key is prepared: agents and collectors are told, and write it
            down. Once all of them know it, switch: the coordinator starts anew with it,
            and whoever comes back forgets the key before. One that does not know the next
            key would not find the coordinator again; so the switch is refused while there
            is one, unless it is forced.

            Operators' contexts that reach the coordinator over TCP name its key: change
            it there after the switch, or log in again with a new token. The key of the
            gate of enrollment changes with it: tokens that are open are revoked, and the
            answer says how many. Make new ones; revoke whoever waits for approval, who
            enrolls anew.

            Examples:
              bookend coordinator rotate-key --prepare
              bookend coordinator rotate-key --status
              bookend coordinator rotate-key --switch
            """)

    @OptionGroup var options: ServerKeyOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .serverKey(let state) = try await coordinator.control(.serverKey(options.request)) else {
            throw coordinator.unexpected()
        }
        output.write(state.document) { _ in state.lines(of: "coordinator", "agents and collectors") }
    }
}

struct CollectorRotateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key", abstract: "Change the collector's key. Jobs go on, and no agent is touched by hand.",
        discussion: """
            As with bookend coordinator rotate-key: agents learn the next key with their
            next sign of life, the coordinator admits it beside the one in use, and
            revokes that one when the collector has come with the next one.

            Contexts and readers of the feed that reach the collector over TCP name its
            key: change it there after the switch.

            Examples:
              bookend collector rotate-key --prepare
              bookend collector rotate-key --status
              bookend collector rotate-key --switch
            """)

    @OptionGroup var options: ServerKeyOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let collector = try await FleetClient(connection).collector()
        guard case .serverKey(let state) = try await collector.query(.serverKey(options.request)) else {
            throw collector.unexpected()
        }
        output.write(state.document) { _ in state.lines(of: "collector", "agents and coordinators") }
    }
}

struct ServerKeyOptions: ParsableArguments {
    enum Step: String, EnumerableFlag {
        case prepare, status
        case change = "switch"

        static func name(for value: Step) -> NameSpecification { .customLong(value.rawValue) }

        static func help(for value: Step) -> ArgumentHelp? {
            switch value {
            case .prepare: "Make the next key, beside the one in use; again, it is the same one."
            case .status: "Say who does not know the next key yet; so without any of these."
            case .change: "Put the next key in the place of the one in use."
            }
        }
    }

    @Flag var step = Step.status
    @Flag(help: "With --switch: also when there are some who do not know the next key.")
    var force = false

    func validate() throws {
        if force, step != .change { throw ValidationError("--force goes with --switch") }
    }

    var request: ServerKeyStep {
        switch step {
        case .prepare: .prepare
        case .status: .show
        case .change: .use(isForced: force)
        }
    }
}

extension ServerKeyState {
    /// Names that are printed for people.
    private static let namedPeers = 20

    fileprivate var document: Document {
        .object([
            "public_key": .text(key.text), "next_key": Document(next?.text), "is_in_use": .bool(isInUse),
            "revoked_tokens": Document(revokedTokens), "informed": Document(informed),
            "uninformed": .list(uninformed.map { .text($0.description) }),
        ])
    }

    /// - Parameter peers: Who is to know.
    fileprivate func lines(of daemon: String, _ peers: String) -> [String] {
        guard let next else { return ["the \(daemon)'s key is \(key), and no other one is prepared"] }
        guard !isInUse else {
            let revoked =
                revokedTokens == 0
                ? [] : ["\(revokedTokens) open tokens were revoked: they name the gate's key before; make new ones."]
            return [
                "the \(daemon) starts anew with the key \(next)",
                "Contexts that reach it over TCP name the key before: change public_key there, or log in again.",
            ] + revoked
        }
        var lines = ["the \(daemon)'s key is \(key), the next one is \(next)"]
        let all = informed + uninformed.count
        if uninformed.isEmpty {
            lines.append("all \(all) \(peers) know it: go on with --switch")
        } else {
            lines.append("\(uninformed.count) of \(all) \(peers) have not said that they know it:")
            lines += uninformed.prefix(Self.namedPeers).map { "  \($0)" }
            if uninformed.count > Self.namedPeers {
                lines.append("  and \(uninformed.count - Self.namedPeers) more")
            }
        }
        return lines
    }
}
