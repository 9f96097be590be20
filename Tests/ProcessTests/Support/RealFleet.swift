import Foundation
import Glibc
import Synchronization
import Testing

/// A fleet of the real programs over loopback: a coordinator, a collector, agents, and a subscriber that reads along.
///
/// ```swift
/// try await RealFleet.with(agents: 3) { fleet in
///     let end = try await fleet.bookend("agents")
///     …
/// }
/// ```
final class RealFleet: Sendable {
    let name: String
    let layout: FleetLayout
    /// What `bookend watch` printed, from the fleet's first report on.
    let feed: Board<FeedLine>
    /// Agents that no test uses now.
    let pool: Pool<AgentSite>
    private let daemons = Mutex<[String: RunningProgram]>([:])
    private let launches = Mutex<[String: Launch]>([:])
    private let lastScenario = Mutex(0)

    private let lines: FeedLines

    /// Which lines of the feed are kept.
    enum FeedLines: Sendable {
        case all
        /// Only those that end a job.
        case ends
    }

    /// How a daemon is started, where it is not the usual way.
    struct Launch: Sendable {
        /// A path; nil: the program that was built with these tests.
        var program: String?
        /// The path of a program that becomes the daemon: it gets the daemon's own command line as its arguments.
        var wrapper: String?
        var environment: [String: String] = [:]
    }

    private init(_ name: String, _ layout: FleetLayout, pooled: [AgentSite], lines: FeedLines) {
        self.name = name
        self.layout = layout
        self.lines = lines
        feed = Board("the feed")
        pool = Pool(pooled)
    }

    /// One fleet a processor, at most four, unless BOOKEND_FLEETS says how many: more would take each other's processor, and
    /// windows are short in tests.
    private static let machine = MachineRoom(
        places: ProcessInfo.processInfo.environment["BOOKEND_FLEETS"].flatMap { Int($0) }
            ?? min(4, ProcessInfo.processInfo.activeProcessorCount))

    /// Runs the body with a fleet of its own, and leaves no process behind.
    ///
    /// - Parameters:
    ///   - agents: As many agents, named `a1`, `a2` and so on, from whom ``pool`` is filled.
    ///   - extra: What stands in these agents' configuration beside the usual.
    ///   - coordinator: What stands in the coordinator's configuration beside the usual.
    ///   - collector: The same for the collector's.
    ///   - special: More agents, by id, each with its own.
    ///   - parent: Where its files are made; nil: where it is safe.
    ///   - need: Whether it leaves other fleets their time.
    static func with(
        _ name: String = "fleet", agents: Int, extra: String = "", special: [(id: String, extra: String)] = [],
        coordinator: String = "", collector: String = "", feed: FeedLines = .all, below parent: String? = nil,
        machine need: MachineRoom.Need = .share, _ body: (RealFleet) async throws -> Void
    ) async throws {
        try await machine.with(need) {
            // Should a test hang, what stands in the log by then says which.
            fflush(nil)
            let usual = (1...agents).map { (id: "a\($0)", extra: extra) }
            let layout = try await FleetLayout.make(
                name, agents: usual + special, coordinator: coordinator, collector: collector, below: parent)
            let fleet = RealFleet(
                name, layout, pooled: Array(layout.sites.prefix(agents)), lines: feed)
            do {
                try await fleet.start()
                try await body(fleet)
            } catch {
                await fleet.stop()
                layout.remove()
                throw error
            }
            await fleet.stop()
            if ProcessInfo.processInfo.environment["BOOKEND_KEEP_FLEETS"] == nil { layout.remove() }
        }
    }

    // MARK: Daemons

    private func start() async throws {
        try await startCoordinator()
        try await startCollector()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for site in layout.sites { group.addTask { try await self.start(site) } }
            try await group.waitForAll()
        }
        startFeed()
        for site in layout.sites { try await comesOnline(site) }
    }

    func startCoordinator() async throws {
        try await start("coordinator", "bookend-coordinator", config: "coordinator.yaml").logged("coordinator is ready")
    }

    func startCollector() async throws {
        try await start("collector", "bookend-collector", config: "collector.yaml").logged("collector is ready")
    }

    func start(_ site: AgentSite) async throws {
        try await start(site.id, "bookend-agent", config: "\(site.id)/agent.yaml").logged("agent is ready")
    }

    /// Stops an agent, and starts it with another configuration.
    func reconfigure(_ site: AgentSite, _ change: (String) -> String) async throws {
        let position = daemon("coordinator").errors.all.count
        await daemon(site.id).stop()
        let text = try String(contentsOfFile: site.configuration, encoding: .utf8)
        try layout.write(change(text), to: site.configuration)
        try await goesOffline(site, after: position)
        try await start(site)
        try await comesOnline(site, after: position)
    }

    @discardableResult
    private func start(_ name: String, _ program: String, config: String) throws -> RunningProgram {
        let launch = launches.withLock { $0[name] }
        let own = Program.path(launch?.program ?? program)
        let words = ["run", "--config", "\(layout.directory)/\(config)"]
        let daemon = RunningProgram(
            name, launch?.wrapper ?? own, launch?.wrapper == nil ? words : [own] + words,
            environment: launch?.environment ?? [:])
        daemons.withLock { $0[name] = daemon }
        return daemon
    }

    /// Holds from the daemon's next start on; nil: the usual way again.
    func launch(_ name: String, by launch: Launch?) { launches.withLock { $0[name] = launch } }

    func daemon(_ name: String) -> RunningProgram { daemons.withLock { $0[name]! } }

    /// Awaits what the coordinator logs of an agent, from this place in its log on.
    func comesOnline(_ site: AgentSite, after position: Int = 0) async throws {
        try await daemon("coordinator").logged("an agent is online agent=\(site.id)", after: position)
    }

    func goesOffline(_ site: AgentSite, after position: Int) async throws {
        try await daemon("coordinator").logged("an agent is offline agent=\(site.id)", after: position)
    }

    private func startFeed() {
        let watch = RunningProgram(
            "watch", "bookend", ["watch", "--output", "json", "--from", "start"], environment: environment,
            onOutput: { [feed, lines] line in
                if line.contains("\"is_alert\":true") { return }
                if lines == .ends, !line.contains("\"ends_job\":true"), !line.contains("\"ends_job\": true") { return }
                do {
                    feed.append(try FeedLine(line))
                } catch {
                    Issue.record("bookend watch printed '\(line)': \(error)")
                }
            })
        daemons.withLock { $0["watch"] = watch }
    }

    private func stop() async {
        let all = daemons.withLock { $0 }
        let names = all.keys.sorted { rank($0) < rank($1) }
        for group in Dictionary(grouping: names, by: rank).sorted(by: { $0.key < $1.key }) {
            await withTaskGroup(of: Void.self) { tasks in
                for name in group.value {
                    tasks.addTask {
                        let status = await all[name]!.stop()
                        if name != "watch", status != 0 {
                            Issue.record("\(name) ended with \(status.map(String.init) ?? "nothing")")
                        }
                    }
                }
            }
        }
        feed.close()
        keepLogs()
        // The machine may need a moment for those that are ending.
        let deadline = ContinuousClock.now + .seconds(3)
        while !Processes.find(argument: layout.directory).isEmpty, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(50))  // Canceled: what is left is looked at all the same.
        }
        for pid in Processes.find(argument: layout.directory) {
            Issue.record("the fleet left process \(pid) behind: \(Processes.commandLine(pid))")
        }
    }

    /// The subscriber goes first, then agents, then those whom they speak with.
    private func rank(_ name: String) -> Int {
        switch name {
        case "watch": 0
        case "collector": 2
        case "coordinator": 3
        default: 1
        }
    }

    /// Keeps what the daemons logged below `.build`, until the next fleet of this name.
    private func keepLogs() {
        let folder = "\(SafePlace.checkout)/.build/fleet-logs/\(name)"
        // Logs are for people who look for the cause of a failure; their absence is none.
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, daemon) in daemons.withLock({ $0 }) {
            let text = daemon.errors.all.joined(separator: "\n") + "\n"
            try? text.write(toFile: "\(folder)/\(name).log", atomically: true, encoding: .utf8)  // The same.
        }
    }

    // MARK: The CLI

    var environment: [String: String] {
        [
            "HOME": layout.directory, "BOOKEND_COORDINATOR": "ipc://\(layout.sockets)/coordinator.sock",
            "BOOKEND_COLLECTOR": "ipc://\(layout.sockets)/collector.sock",
            "BOOKEND_FEED": "ipc://\(layout.sockets)/feed.sock",
        ]
    }

    /// Runs the CLI to its end.
    @discardableResult
    func bookend(_ words: String...) async throws -> Program.End {
        try await Program.run("bookend", words, environment: environment)
    }

    /// Runs the CLI, which must succeed and print JSON.
    func json(_ words: String...) async throws -> JSON {
        let end = try await Program.run("bookend", words + ["--output", "json"], environment: environment)
        guard end.status == 0 else {
            throw Missed(
                description: "bookend \(words.joined(separator: " ")) ended with \(end.status): \(end.errors)")
        }
        return try JSON(parsing: end.output)
    }

    func job(_ id: Int64) async throws -> JobView { JobView(json: try await json("job", "\(id)")) }

    func feed(of job: Int64) -> [FeedLine] { feed.all.filter { $0.job == job } }

    /// A number that no scenario of this fleet has had.
    func nextScenario() -> Int {
        lastScenario.withLock {
            $0 += 1
            return $0
        }
    }
}
