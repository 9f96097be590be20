import Foundation
import Glibc
import Synchronization
import Testing

/// A fleet that loses its coordinator and comes back: real sockets, and for each agent a key and a journal of its own.
///
/// `tools/reconnect` runs this with a thousand agents and ten minutes; here it is small.
@Suite(.timeLimit(.minutes(60))) struct ReconnectTests {
    private static func number(_ name: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? usual
    }

    private static let agents = number("BOOKEND_RECONNECT_AGENTS", 60)
    private static let downtime = number("BOOKEND_RECONNECT_DOWN", 20)
    private static let perProcess = 250
    /// For `bookend status`; a machine that builds something else beside the tests is given more.
    private static let patience = Duration.milliseconds(number("BOOKEND_RECONNECT_STATUS_MS", 3_000))

    private static let policy = """
        policy: NAME
        agents: {labels: {kind: herd}}
        backup: {engine: command, program: ENGINE, arguments: [/bin/true]}

        """

    @Test func `a fleet that loses its coordinator is back soon, and no trigger is lost`() async throws {
        try await RealFleet.with(
            "reconnect", agents: 1, extra: "autonomy: {grace: 5s, splay: 60s}", feed: .ends,
            machine: .alone
        ) { fleet in
            let herds = try await startHerd(fleet)
            do {
                try await run(fleet)
            } catch {
                for herd in herds { await herd.stop() }
                throw error
            }
            for herd in herds {
                #expect(herd.errors.all.isEmpty, "\(herd.name): \(herd.errors.all.prefix(5))")
                await herd.stop()
            }
        }
    }

    private func run(_ fleet: RealFleet) async throws {
        let all = Self.agents + 1
        _ = try await comeBack(fleet, all, from: .now)
        let watch = StatusWatch(fleet)
        watch.start()

        // Down for two seconds.
        await fleet.daemon("coordinator").stop(SIGKILL)
        try await Task.sleep(for: .seconds(2))
        try await fleet.startCoordinator()
        let short = try await comeBack(fleet, all, from: .now)
        #expect(short <= .seconds(15))

        // Down for long, with orders on their way and a start that comes meanwhile.
        let start = Date(
            timeIntervalSince1970: (Date().timeIntervalSince1970 + Double(Self.downtime) / 2 + 5).rounded())
        try await apply(fleet, "planned", "schedules: [{at: \"\(start.formatted(.iso8601))\"}]\n")
        try await apply(fleet, "ordered", "")
        let order = try await fleet.json("backup", "ordered", "--queue-for", "1h")
        let ordered = Set(order.all("job_id").compactMap(\.int))
        #expect(ordered.count == Self.agents)
        await fleet.daemon("coordinator").stop(SIGKILL)
        try await Task.sleep(for: .seconds(Self.downtime))
        try await fleet.startCoordinator()
        let long = try await comeBack(fleet, all, from: .now)
        #expect(long <= .seconds(75))

        let status = try await settle(fleet, jobs: 2 * Self.agents)
        await watch.stop()
        // Whoever follows the feed hears of the last ones after whoever asks.
        let patience = ContinuousClock.now + .seconds(60)
        while Set(fleet.feed.all.filter(\.endsJob).map(\.job)).count < 2 * Self.agents, .now < patience {
            try await Task.sleep(for: .milliseconds(200))
        }
        let ends = Dictionary(grouping: fleet.feed.all.filter(\.endsJob), by: \.job)
        #expect(ends.count == 2 * Self.agents && ends.values.allSatisfy { $0.count == 1 })
        #expect(ordered.isSubset(of: ends.keys))
        #expect(status["jobs_failed"].int == 0, "\(status["jobs"])")
        #expect(watch.problems.isEmpty, "\(watch.problems.prefix(3))")
        #expect(watch.slowest <= Self.patience)
        print(
            """
            reconnect: \(Self.agents) agents; down 2 s: all back after \(short); down \(Self.downtime) s: all back after \(long); \
            bookend status answered \(watch.count) times, the slowest after \(watch.slowest); \
            after more than \(Self.patience): \(watch.late(Self.patience)); \
            \(ends.count) jobs ended, \(2 * Self.agents - ends.count) lost, \
            \(ends.values.filter { $0.count > 1 }.count) ended twice
            """)
    }

    private func apply(_ fleet: RealFleet, _ name: String, _ more: String) async throws {
        let file = "\(fleet.layout.directory)/\(name).yaml"
        let text = Self.policy.replacingOccurrences(of: "NAME", with: name)
            .replacingOccurrences(of: "ENGINE", with: fleet.layout.sites[0].engine)
        try fleet.layout.write(text + more, to: file)
        let end = try await fleet.bookend("policy", "apply", file)
        try #require(end.status == 0, "\(end)")
    }

    /// Enrolls the agents, and runs them in a few processes.
    private func startHerd(_ fleet: RealFleet) async throws -> [RunningProgram] {
        let place = fleet.layout.directory + "/herd"
        mkdir(place, 0o700)
        let template = fleet.layout.sites[0].configuration
        var herds: [RunningProgram] = []
        var keys = try String(contentsOfFile: fleet.layout.directory + "/keys", encoding: .utf8)
        let firsts = Array(stride(from: 1, through: Self.agents, by: Self.perProcess))
        func words(_ first: Int) -> [String] {
            [template, place, "\(first)", "\(min(Self.perProcess, Self.agents - first + 1))"]
        }
        for first in firsts {
            let end = try await Program.run("bookend-herd", ["prepare"] + words(first))
            try #require(end.status == 0, "\(end.errors)")
            keys += end.output
        }
        try fleet.layout.write(keys, to: fleet.layout.directory + "/keys")
        // It reads its keys when it starts.
        await fleet.daemon("collector").stop()
        try await fleet.startCollector()
        for first in firsts {
            herds.append(RunningProgram("herd-\(first)", "bookend-herd", ["run"] + words(first)))
        }
        return herds
    }

    /// How long it takes until every agent is online.
    private func comeBack(_ fleet: RealFleet, _ count: Int, from start: ContinuousClock.Instant) async throws
        -> Duration
    {
        while true {
            let online = try await fleet.json("status")["agents_online"].int ?? 0
            if online >= count { return .now - start }
            guard .now - start < .seconds(180) else {
                throw Missed(
                    description: "\(online) of \(count) agents are online after \(ContinuousClock.now - start)")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func settle(_ fleet: RealFleet, jobs: Int) async throws -> JSON {
        let start = ContinuousClock.now
        while true {
            let status = try await fleet.json("status")
            if status["jobs_over"].int ?? 0 >= jobs { return status }
            guard .now - start < .seconds(600) else {
                throw Missed(description: "jobs that never ended: \(status["jobs"])")
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}

/// Asks `bookend status` again and again, and keeps how long it took.
///
/// On a thread of its own: an answer counts from when it is there, whatever the test itself has to do.
private final class StatusWatch: Sendable {
    private let environment: [String: String]
    private let seen = Mutex<[(at: ContinuousClock.Instant, took: Duration)]>([])
    private let begin = ContinuousClock.now
    private let failures = Mutex<[String]>([])
    private let isStopped = Atomic(false)
    private let (ended, end) = AsyncStream<Never>.makeStream()

    init(_ fleet: RealFleet) { environment = fleet.environment }

    var count: Int { seen.withLock(\.count) }
    var slowest: Duration { seen.withLock { $0.map(\.took).max() } ?? .zero }
    /// What was no answer, in words.
    var problems: [String] { failures.withLock(\.self) }

    /// When those were asked, after the watch began, that took longer.
    func late(_ limit: Duration) -> [Duration] {
        seen.withLock { seen in seen.filter { $0.took > limit }.map { $0.at - begin } }
    }

    func start() {
        Thread.detachNewThread { [self] in
            while !isStopped.load(ordering: .relaxed) {
                do {
                    try ask()
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
                Thread.sleep(forTimeInterval: 0.5)
            }
            end.finish()
        }
    }

    func stop() async {
        isStopped.store(true, ordering: .relaxed)
        for await _ in ended {}
    }

    private func ask() throws {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: Program.path("bookend"))
        process.arguments = ["status", "--output", "json"]
        process.environment = environment
        (process.standardInput, process.standardOutput, process.standardError) = (FileHandle.nullDevice, pipe, pipe)
        let start = ContinuousClock.now
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let duration = ContinuousClock.now - start
        process.waitUntilExit()
        // 3: it says that the coordinator cannot be reached, and what the collector knows.
        if ![0, 3].contains(process.terminationStatus) || !output.contains("jobs_total") {
            failures.withLock { $0.append("bookend status ended with \(process.terminationStatus): \(output)") }
        }
        seen.withLock { $0.append((start, duration)) }
    }
}
