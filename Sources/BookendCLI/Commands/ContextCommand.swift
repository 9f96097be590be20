import ArgumentParser
import BookendFiles

struct ContextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context", abstract: "Choose among the fleets of ~/.config/bookend/config.yaml.",
        discussion: """
            A context names a fleet's daemons and the key that you are known by there.
            --context or BOOKEND_CONTEXT uses another one for once.

            Examples:
              bookend context list
              bookend context use office
              bookend context show
            """,
        subcommands: [ContextListCommand.self, ContextUseCommand.self, ContextShowCommand.self])
}

struct ContextListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the contexts.",
        discussion: """
            Examples:
              bookend context list
              bookend context list --output json
            """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let file = ContextFile()
        let configuration = try file.read()
        let contexts = configuration.contexts.sorted { $0.key < $1.key }
        let document = Document.object([
            "current": .text(configuration.currentContext), "file": .text(file.path),
            "contexts": .list(contexts.map { $0.value.document(named: $0.key) }),
        ])
        output.write(document) { terminal in
            var table = Table([
                .init(""), .init("CONTEXT", shrinksTo: 8), .init("COORDINATOR", shrinksTo: 12),
                .init("COLLECTOR", shrinksTo: 12, isDispensable: true),
            ])
            for (name, context) in contexts {
                table.append([
                    .init(name == configuration.currentContext ? "*" : ""), .init(name),
                    .init(context.coordinator.endpoint), .init(context.collector.endpoint),
                ])
            }
            return table.lines(terminal)
        }
    }
}

struct ContextUseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "use", abstract: "Make a context the one in use.",
        discussion: """
            Writes current_context into the configuration file; everything else in it
            stays as it is.

            Examples:
              bookend context use office
              bookend context use default
            """)

    @Argument(help: "The context's name.")
    var name: String

    func run() async throws {
        try ContextFile().use(name)
        Output.write("the context in use is \(name)")
    }
}

struct ContextShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the context in use, or another one.",
        discussion: """
            Examples:
              bookend context show
              bookend context show office --output json
            """)

    @Argument(help: "The context's name; otherwise the one in use.")
    var name: String?
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let file = ContextFile()
        let configuration = try file.read()
        let name = name ?? configuration.currentContext
        guard let context = configuration.contexts[name] else { throw file.unknown(name, configuration) }
        output.write(context.document(named: name)) { _ in
            [
                "context      \(name)\(name == configuration.currentContext ? " (in use)" : "")",
                "coordinator  \(context.coordinator.text)", "collector    \(context.collector.text)",
                "feed         \(context.feed.text)", "key file     \(context.keyFile ?? "none")",
                "file         \(file.path)",
            ].map(SafeText.line)
        }
    }
}

extension ClientConfiguration.Peer {
    fileprivate var text: String { publicKey.map { "\(endpoint)  \($0)" } ?? endpoint }

    fileprivate var document: Document {
        .object(["endpoint": .text(endpoint), "public_key": Document(publicKey)])
    }
}

extension ClientConfiguration.Context {
    fileprivate func document(named name: String) -> Document {
        .object([
            "context": .text(name), "coordinator": coordinator.document, "collector": collector.document,
            "feed": feed.document, "key_file": Document(keyFile),
        ])
    }
}
