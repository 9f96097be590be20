import ArgumentParser
import BookendModel

struct AlertsMessagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "messages", abstract: "List messages that no channel has accepted yet.",
        discussion: """
            Those that were refused stand first, with the reason: they are kept until they
            are accepted or somebody discards them. The others wait for their channel.

            Examples:
              bookend alerts messages
              bookend alerts messages --channel ops-mail
            """)

    @Option(help: "Only of this channel.")
    var channel: String?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let collector = try await FleetClient(connection).collector()
        let (messages, total) = try await collector.messages(.messages(channel: channel))
        output.write(
            .object(["total": Document(total), "messages": .list(messages.map(\.document))])
        ) { terminal in
            guard !messages.isEmpty else { return ["no message waits"] }
            let more = total > messages.count ? ["\(total - messages.count) more"] : []
            return AlertTables.messages(messages, now: .now).lines(terminal) + more
        }
    }
}

struct AlertsResendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resend", abstract: "Send messages again that were refused.",
        discussion: """
            Put right first what the reason says, such as an address in collector.yaml. A
            message that is accepted leaves the list; one that is refused again stays.

            Examples:
              bookend alerts resend 17 18
              bookend alerts resend --channel ops-mail
            """)

    @OptionGroup var choice: MessageOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let collector = try await FleetClient(connection).collector()
        let (_, total) = try await collector.messages(.resendMessages(choice.choice))
        output.write(.object(["messages": Document(total)])) { _ in
            ["\(Phrases.count(total, "message")) on the way again; see: bookend alerts messages"]
        }
    }
}

struct AlertsDiscardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Discard messages: nobody gets them any more.",
        discussion: """
            The alerts themselves stay, and are listed by bookend alerts. With --channel
            only what this channel refused is discarded; of a channel that is no longer in
            collector.yaml all that waits.

            Examples:
              bookend alerts discard 17
              bookend alerts discard --channel old-mail
            """)

    @OptionGroup var choice: MessageOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let collector = try await FleetClient(connection).collector()
        let (messages, total) = try await collector.messages(.discardMessages(choice.choice))
        output.write(
            .object(["total": Document(total), "messages": .list(messages.map(\.document))])
        ) { _ in
            messages.map { "discarded \($0.id), \($0.channel): \($0.title)" }
                + (total > messages.count ? ["and \(total - messages.count) more"] : [])
        }
    }
}

/// Which messages.
struct MessageOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("Ids of messages.", valueName: "message"))
    var ids: [Int64] = []
    @Option(help: "All that this channel refused.")
    var channel: String?

    func validate() throws {
        guard ids.isEmpty != (channel == nil) else {
            throw ValidationError("expected ids of messages, or --channel; `bookend alerts messages` lists them")
        }
        guard ids.allSatisfy({ $0 > 0 }), ids.count <= 1_000 else {
            throw ValidationError("expected at most 1000 ids of messages, each a number from 1 on")
        }
        if let channel, !(1...128).contains(channel.utf8.count) {
            throw ValidationError("--channel: expected the name of a channel")
        }
    }

    var choice: MessageChoice { channel.map { .undeliverable(channel: $0) } ?? .ids(ids) }
}

extension DaemonLink {
    func messages(_ query: Query) async throws(CLIError) -> ([MessageRecord], total: Int) {
        guard case .messages(let messages, let total) = try await self.query(query) else { throw unexpected() }
        return (messages, total)
    }
}

extension MessageRecord {
    var document: Document {
        Document.object([
            "message_id": Document(id), "channel": .text(channel), "title": .text(title), "tries": Document(tries),
            "is_undeliverable": .bool(!refusal.isEmpty), "reason": .text(refusal),
        ]) + .time("created_at", createdAt)
    }
}
