import BookendCollector
import BookendDaemon
import BookendFiles
import BookendModel

/// A fleet on which everything goes well, each night, for a month of virtual time: what are people told?
///
/// The alert machine is the collector's own; only the way out of its channel is a list.
package struct QuietMonth {
    package struct Outcome: Sendable {
        package var jobs: Int
        /// Jobs that ended as they should.
        package var successes: Int
        /// Titles of the messages, in the order in which they were accepted, each with its day.
        package var messages: [String]
        package var violations: [String]
    }

    let agents: Int
    let days: Int
    /// The channel asks for the daily report.
    let hasReport: Bool

    package init(agents: Int, days: Int = 30, hasReport: Bool) {
        self.agents = agents
        self.days = days
        self.hasReport = hasReport
    }

    package func run(_ keys: FleetKeys) -> Outcome {
        let quiet = QuietChannel(hasReport: hasReport)
        let world = World(seed: 1, agents: agents, keys: keys, tellsStory: false, quiet: quiet)
        world.isFaulty = false
        world.coordinator.start()
        world.collector.start()
        for agent in world.agents { agent.start() }
        world.person.begin()
        world.timeline.at(5_000) { [unowned world] in world.person.wish(.apply([Self.policy])) }
        let end = Int64(days) * 86_400_000
        if !world.timeline.run(until: end) { world.violate("one moment has no end") }
        let jobs = world.hosts.flatMap { $0.work.values }
        let outcome = Outcome(
            jobs: jobs.count, successes: jobs.count { $0.finals.last?.status == .successful },
            messages: quiet.accepted(by: world), violations: world.violations)
        world.isOver = true
        world.person.end()
        for process in [world.coordinator, world.collector].compactMap(\.self) + world.agents { process.life?.die() }
        _ = world.timeline.run(until: world.timeline.now)  // What is left over is nobody's.
        world.timeline.clear()
        return outcome
    }

    private static var policy: Policy {
        var policy = Policy(
            name: PolicyName(rawValue: "nightly"), selector: Selector(patterns: ["*"]),
            engine: .command(CommandPlan(program: "/usr/bin/backup")), scripts: ScriptPlan(directory: "/srv/nightly"),
            retry: RetryPlan(attempts: 3, interval: .seconds(600)), window: .seconds(4 * 3_600), splay: .seconds(1_200),
            schedules: [Schedule(.cron("30 2 * * *"))])
        policy.objective = .seconds(26 * 3_600)
        return policy
    }
}

/// A mail channel whose mails are kept in a list.
final class QuietChannel: ChannelSending, @unchecked Sendable {
    /// Written by the one thread that runs the world.
    private var taken: [OutgoingMessage] = []
    let configuration: ChannelConfiguration

    init(hasReport: Bool) {
        var mail = ChannelConfiguration.Mail(server: "mail:25", from: "bookend@example.org", to: ["ops@example.org"])
        if hasReport { mail.report = ChannelConfiguration.Report() }
        configuration = ChannelConfiguration(name: "ops", kind: .mail(mail))
    }

    func send(_ message: OutgoingMessage) async throws -> ChannelOutcome {
        taken.append(message)
        return .accepted
    }

    func accepted(by world: World) -> [String] {
        taken.map { message in
            let day = (message.createdAt.milliseconds - Machine.epoch) / 86_400_000
            let title =
                switch message.body {
                case .letter(let letter): letter.title
                case .notice(let notice): "\(notice.occasion.rawValue) \(notice.alert.cause.title)"
                case .digest: "digest"
                case .ping: "ping"
                }
            return "day \(day): \(title)"
        }
    }
}
