import ArgumentParser
import BookendDigest
import BookendFiles
import BookendModel

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show who did what, and who was refused.",
        discussion: """
            Each change and each refused attempt is a line of the coordinator's audit log,
            which is never shortened. Refusals of one kind that follow within a minute are
            one line. Who comes over the coordinator's Unix socket is local/UID.

            --verify reads the whole log. Each line holds the hash of the one before, and
            the collector keeps the hashes that it saw: a line that was changed, removed
            or cut off shows, with its sequence, also when the whole log was made anew.

            Examples:
              bookend audit
              bookend audit --since 7d --who operator/alice
              bookend audit --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z
              bookend audit --who agent/ --output json
              bookend audit --verify

            Exit status of --verify: 1 when the log was tampered with, 3 when the
            collector could not be asked.
            """)

    @Option(
        help: ArgumentHelp("Only lines since then: a time in UTC, or how long ago, such as 7d.", valueName: "time"))
    var since: TimeArgument?
    @Option(help: ArgumentHelp("Only lines before then, in the same way.", valueName: "time"))
    var until: TimeArgument?
    @Option(help: ArgumentHelp("Only this one's lines; operator/ is all operators.", valueName: "name"))
    var who: String?
    @Option(help: "At most so many, the newest.")
    var limit = 100
    @Flag(help: "Check that no line was changed, removed or cut off.")
    var verify = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit: expected 1 to 1000") }
        guard !verify || (since == nil && until == nil && who == nil) else {
            throw ValidationError("--verify reads the whole log: leave out --since, --until and --who")
        }
    }

    func run() async throws {
        let fleet = try FleetClient(connection)
        if verify { return try await check(fleet) }
        var filter = AuditFilter()
        filter.since = since?.time(before: .now)
        filter.until = until?.time(before: .now)
        filter.who = who
        filter.newest = true
        filter.limit = limit
        let entries = try await fleet.coordinator().audit(filter)
        output.write(.object(["entries": .list(entries.map(\.document))])) { terminal in
            guard !entries.isEmpty else { return ["no line"] }
            var lines = AuditTables.list(entries).lines(terminal)
            if entries.count == limit, terminal.isTerminal {
                lines.append(terminal.paint("the newest \(limit); more with --limit", .faint))
            }
            return lines
        }
    }

    // MARK: --verify

    private func check(_ fleet: FleetClient) async throws {
        let coordinator = try await fleet.coordinator()
        var anchors: [AuditAnchor] = []
        var silence: String?
        do throws(CLIError) {
            anchors = try await fleet.collector().auditAnchors()
        } catch {
            silence = error.message
        }
        var check = AuditCheck(anchors: anchors) { SHA256.hash($0).bytes }
        try await coordinator.auditLog(AuditFilter()) { page in
            for entry in page { check.take(entry) }
        }
        check.end()
        output.write(AuditTables.document(check, silence)) { _ in AuditTables.lines(check, silence) }
        if let silence {
            Output.note(
                "not compared with the collector: \(silence)\nlines that were cut off at the end, and a log that was made anew "
                    + "as a whole, would not show")
        }
        if !check.findings.isEmpty { throw CLIError(.failed, "") }
        if silence != nil { throw CLIError(.unreachable, "") }
    }
}

/// `2026-11-23T02:00:00Z`, or a duration: so long ago.
struct TimeArgument: ExpressibleByArgument, Sendable {
    private enum Place { case at(UnixTime), ago(Duration) }

    private let place: Place

    init?(argument: String) {
        if let time = InstantText.parse(argument) {
            place = .at(time)
        } else if let duration = DurationArgument(argument: argument)?.duration {
            place = .ago(duration)
        } else {
            return nil
        }
    }

    func time(before now: UnixTime) -> UnixTime {
        switch place {
        case .at(let time): time
        case .ago(let duration): UnixTime(milliseconds: now.milliseconds - duration.milliseconds)
        }
    }
}
