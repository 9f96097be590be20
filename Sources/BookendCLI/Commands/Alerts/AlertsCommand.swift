import ArgumentParser
import BookendModel

struct AlertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts", abstract: "What people must be told: list, show, acknowledge, resolve, silence.",
        discussion: """
            What is alike is one alert, whoever it hits: it is active until the last of
            them is mended, and then resolves itself. The collector's channels tell people
            (see channels in collector.yaml).

            Examples:
              bookend alerts
              bookend alerts show 7
              bookend alerts ack 7 --note "disk ordered"
              bookend alerts resolve 7 --reason "the server is gone"
              bookend alerts silence --agent 'web-*' --for 2h --reason "they are moved"
              bookend alerts test ops-mail
              bookend alerts messages
            """,
        subcommands: [
            AlertsListCommand.self, AlertsShowCommand.self, AlertsAcknowledgeCommand.self, AlertsResolveCommand.self,
            AlertsSilenceCommand.self, AlertsTestCommand.self, AlertsMessagesCommand.self, AlertsResendCommand.self,
            AlertsDiscardCommand.self,
        ],
        defaultSubcommand: AlertsListCommand.self)
}

struct AlertsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List alerts, newest first.",
        discussion: """
            Exit status 0 also when there are alerts.

            Examples:
              bookend alerts
              bookend alerts list --all --policy nightly-web
              bookend alerts list --kind backup-failed --output json
            """)

    @Flag(help: "Also those that are resolved.")
    var all = false
    @Option(help: "Only this kind, such as backup-failed.")
    var kind: AlertKind?
    @Option(help: "Only alerts of this policy.")
    var policy: PolicyName?
    @Option(help: "At most so many.")
    var limit = 100
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit: expected 1 to 1000") }
    }

    func run() async throws {
        var filter = AlertFilter()
        (filter.activeOnly, filter.kind, filter.policy, filter.limit) = (!all, kind, policy, limit)
        let alerts = try await FleetClient(connection).collector().alerts(.alerts(filter))
        output.write(.object(["alerts": .list(alerts.map(\.document))])) { terminal in
            alerts.isEmpty ? ["no alert"] : AlertTables.list(alerts, now: .now).lines(terminal)
        }
    }
}

struct AlertsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one alert, and everyone whom it hits.",
        discussion: """
            Examples:
              bookend alerts show 7
            """)

    @Argument(help: "The alert's id.")
    var alert: Int64
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let alerts = try await FleetClient(connection).collector().alerts(.alert(alert))
        guard let found = alerts.first else { throw CLIError(.failed, "there is no alert \(alert)") }
        output.write(found.document) { AlertTables.detail(found, now: .now, $0) }
    }
}

struct AlertsAcknowledgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ack", abstract: "Say that somebody takes care of an alert: no reminders any more.",
        discussion: """
            People are still told when more are hit, and when it is resolved.

            Examples:
              bookend alerts ack 7 --note "disk ordered"
            """)

    @Argument(help: "The alert's id.")
    var alert: Int64
    @Option(help: "What others should know.")
    var note = ""
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard note.utf8.count <= 1_000 else { throw ValidationError("--note: expected at most 1000 bytes") }
    }

    func run() async throws {
        let alerts = try await FleetClient(connection).collector().alerts(.acknowledgeAlert(alert, note: note))
        output.write(.object(["alerts": .list(alerts.map(\.document))])) { _ in
            alerts.map { "alert \($0.alert.id), \($0.alert.cause.title): acknowledged" }
        }
    }
}

struct AlertsResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Say that an alert is over, although nothing told the collector so.",
        discussion: """
            Alerts resolve themselves when what caused them is mended. When the cause of
            this one is seen again, that is a new alert.

            Examples:
              bookend alerts resolve 7 --reason "the server is gone"
            """)

    @Argument(help: "The alert's id.")
    var alert: Int64
    @Option(help: "Why.")
    var reason: String
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(reason.utf8.count) else {
            throw ValidationError("--reason: expected 1 to 1000 bytes")
        }
    }

    func run() async throws {
        let alerts = try await FleetClient(connection).collector().alerts(.resolveAlert(alert, reason: reason))
        output.write(.object(["alerts": .list(alerts.map(\.document))])) { _ in
            alerts.map { "alert \($0.alert.id), \($0.alert.cause.title): resolved" }
        }
    }
}

struct AlertsSilenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "silence", abstract: "Tell nobody of some alerts for a while, or list what is silent.",
        discussion: """
            Alerts are judged and listed all the same. What is still wrong when a silence
            ends is told then. Without options the silences are listed.

            Examples:
              bookend alerts silence
              bookend alerts silence --policy 'dev-*' --for 7d --reason "only for tests"
              bookend alerts silence --kind agent-offline --for 2h --reason "a new disk"
              bookend alerts silence --label site=north --for 4h --reason "power is off"
              bookend alerts silence --end 4
            """)

    @Option(help: "Only this kind, such as backup-failed.")
    var kind: AlertKind?
    @Option(help: "Only policies that this pattern matches.")
    var policy = ""
    @Option(help: "Only agents that this pattern matches.")
    var agent = ""
    @Option(help: ArgumentHelp("Only agents with this label; may be given more than once.", valueName: "key=value"))
    var label: [LabelArgument] = []
    @Option(name: .customLong("for"), help: ArgumentHelp("For how long, such as 2h or 7d.", valueName: "duration"))
    var length: DurationArgument?
    @Option(help: "Why.")
    var reason = ""
    @Option(help: ArgumentHelp("End the silence with this id now.", valueName: "id"))
    var end: Int64?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    private var isOrder: Bool {
        kind != nil || !policy.isEmpty || !agent.isEmpty || !label.isEmpty || length != nil || !reason.isEmpty
    }

    func validate() throws {
        guard end == nil || !isOrder else { throw ValidationError("--end stands alone") }
        guard isOrder else { return }
        guard let length, length.duration > .zero else {
            throw ValidationError("--for: a silence has an end, such as 2h")
        }
        guard !reason.isEmpty, reason.utf8.count <= 1_000 else {
            throw ValidationError("--reason: expected 1 to 1000 bytes")
        }
    }

    func run() async throws {
        let collector = try await FleetClient(connection).collector()
        let query: Query
        if let end {
            query = .endSilence(end)
        } else if let length, isOrder {
            query = .silenceAlerts(
                AlertSilence(
                    kind: kind, policy: policy, agent: agent,
                    labels: Dictionary(label.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }),
                    until: .now + length.duration, reason: reason))
        } else {
            query = .silences
        }
        guard case .silences(let silences) = try await collector.query(query) else { throw collector.unexpected() }
        output.write(.object(["silences": .list(silences.map(\.document))])) { terminal in
            silences.isEmpty ? ["no silence"] : AlertTables.silences(silences, now: .now).lines(terminal)
        }
    }
}

struct AlertsTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Send a message over a channel, to see whether it arrives.",
        discussion: """
            The message says that it is a test. Waits until the channel has accepted it.

            Examples:
              bookend alerts test
              bookend alerts test ops-mail

            Exit status: 1 when a channel did not accept it in time.
            """)

    @Argument(help: "The channel's name; otherwise all.")
    var channel: String?
    @Option(help: ArgumentHelp("How long to wait.", valueName: "duration"))
    var timeout = DurationArgument(duration: .seconds(30))
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let collector = try await FleetClient(connection).collector()
        guard case .channels(let begun) = try await collector.query(.testChannels(channel)) else {
            throw collector.unexpected()
        }
        let names = Set(begun.map(\.name))
        let deadline = ContinuousClock.now + timeout.duration
        var states = begun
        while states.contains(where: { $0.waiting > 0 && $0.problem.isEmpty }), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(200))
            states = try await collector.fleet().channels.filter { names.contains($0.name) }
        }
        output.write(.object(["channels": .list(states.map(\.document))])) { terminal in
            AlertTables.channels(states, now: .now).lines(terminal)
        }
        if states.contains(where: { $0.waiting > 0 || !$0.problem.isEmpty }) { throw CLIError(.failed, "") }
    }
}

extension AlertKind: ExpressibleByArgument {}

extension DaemonLink {
    func alerts(_ query: Query) async throws(CLIError) -> [AlertRecord] {
        guard case .alerts(let alerts) = try await self.query(query) else { throw unexpected() }
        return alerts
    }
}
