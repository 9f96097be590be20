import ArgumentParser
import BookendFiles
import BookendModel

/// When it ends, and why it is.
struct HoldOptions: ParsableArguments {
    @Option(name: .customLong("for"), help: ArgumentHelp("How long, such as 2h or 7d.", valueName: "duration"))
    var duration: DurationArgument?
    @Option(help: ArgumentHelp("Until this time in UTC.", valueName: "time"))
    var until: InstantArgument?
    @Option(help: ArgumentHelp("Why, in one line, for those who wonder.", valueName: "text"))
    var reason: String?

    func draft(_ target: Hold.Target, now: UnixTime) throws -> HoldDraft {
        guard let reason else { throw ValidationError("--reason: say why, in one line") }
        let end: UnixTime
        switch (duration, until) {
        case (let duration?, nil): end = now + duration.duration
        case (nil, let until?): end = until.time
        default: throw ValidationError("--for or --until: say when it ends, by one of them")
        }
        let draft = HoldDraft(target: target, reason: reason, until: end)
        if let problem = draft.problem(at: now) { throw ValidationError(problem) }
        return draft
    }
}

struct PolicyPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Let nothing of a policy start by itself for a while.",
        discussion: """
            Jobs that have begun go on, and bookend backup still starts one. What passes
            meanwhile is not made up for. Pausing again changes the end and the reason.

            Examples:
              bookend policy pause nightly-web --for 2h --reason "storage is moved"
              bookend policy pause nightly-web --until 2026-12-01T06:00:00Z --reason moved
            """)

    @Argument(help: "The policy's name.")
    var policy: PolicyName
    @OptionGroup var hold: HoldOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { _ = try hold.draft(.policy(policy), now: .now) }

    func run() async throws {
        let draft = try hold.draft(.policy(policy), now: .now)
        let holds = try await FleetClient(connection).coordinator().holds(.makeHold(draft))
        output.write(.object(["holds": .list(holds.map(\.document))])) { _ in holds.map { $0.line(now: .now) } }
    }
}

struct PolicyResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "End a policy's pause before its time.",
        discussion: """
            Its next start is by its schedule; what passed is not made up for.

            Example:
              bookend policy resume nightly-web
            """)

    @Argument(help: "The policy's name.")
    var policy: PolicyName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        _ = try await FleetClient(connection).coordinator().holds(.releaseHold(.policy(policy)))
        Output.write("policy \(policy) starts by its schedule again")
    }
}

struct AgentMaintenanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance", abstract: "Let nothing start by itself on an agent for a while.",
        discussion: """
            Jobs that have begun go on, and bookend backup still starts one. What passes
            meanwhile is not made up for.

            Examples:
              bookend agent maintenance web-1 --for 2h --reason "new disks"
              bookend agent maintenance web-1 --end
            """)

    @Argument(help: "The agent.")
    var agent: AgentID
    @OptionGroup var hold: HoldOptions
    @Flag(help: "End it before its time.")
    var end = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if !end {
            _ = try hold.draft(.agent(agent), now: .now)
        } else if hold.duration != nil || hold.until != nil || hold.reason != nil {
            throw ValidationError("--end takes no other end and no reason")
        }
    }

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        let request: ControlRequest =
            end ? .releaseHold(.agent(agent)) : .makeHold(try hold.draft(.agent(agent), now: .now))
        let holds = try await coordinator.holds(request)
        output.write(.object(["holds": .list(holds.map(\.document))])) { _ in
            end ? ["agent \(agent) starts what its policies say again"] : holds.map { $0.line(now: .now) }
        }
    }
}

extension Hold {
    /// One line for people.
    func line(now: UnixTime) -> String {
        "\(target) \(target.isPolicy ? "is paused" : "is in maintenance") until \(InstantText.render(until)) "
            + "(\(Phrases.relative(until, to: now))), by \(madeBy): \(reason)"
    }

    var document: Document {
        .object(["target": .text(target.description), "reason": .text(reason), "made_by": .text(madeBy)])
            + .time("since", since) + .time("until", until)
    }
}
