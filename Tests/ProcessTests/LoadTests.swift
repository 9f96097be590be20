import Foundation
import Testing

/// Many jobs on twenty agents: each ends, each is counted once, none is left over.
@Suite(.serialized) struct LoadTests {
    private let agents = 20

    @Test func `ten thousand jobs of five hundred orders end, each counted once, none left over`() async throws {
        try await RealFleet.with("load", agents: agents, feed: .ends, machine: .alone) { fleet in
            try makeScripts(fleet)
            try await apply(
                "backup: {engine: command, program: \(fleet.layout.shared)/backup.sh}", more: "", fleet)
            try await run(orders: 500, fleet)
        }
    }

    @Test func `three hundred jobs with restic end, each with its snapshot`() async throws {
        try await RealFleet.with("restic-load", agents: agents, feed: .ends, machine: .alone) { fleet in
            try makeScripts(fleet)
            try await apply("backup: {repository: main, sources: [\(fleet.layout.shared)]}", more: "", fleet)
            let jobs = try await run(orders: 300 / agents, fleet, stages: ["pre", "post"])
            var tagged: [String] = []
            for site in fleet.layout.sites {
                let snapshots = try await site.snapshots()
                #expect(snapshots.count == 300 / agents)
                tagged += snapshots.flatMap { $0["tags"].list.compactMap(\.text) }
                    .filter { $0.hasPrefix("bookend-job=") }
            }
            #expect(tagged.sorted() == jobs.map { "bookend-job=\($0)" }.sorted())
        }
    }

    private func makeScripts(_ fleet: RealFleet) throws {
        let shared = fleet.layout.shared
        for (file, stage, job) in [
            ("pre_script", "pre", "$1"), ("post_script", "post", "$1"), ("backup", "backup", "$BOOKEND_JOB_ID"),
        ] {
            try fleet.layout.write(
                "#!/bin/sh\nprintf '%s\\n' \"\(stage) \(job)\" >>\(fleet.layout.directory)/ledger\n",
                to: "\(shared)/\(file).sh", mode: 0o755)
        }
    }

    private func apply(_ backup: String, more: String, _ fleet: RealFleet) async throws {
        let file = fleet.layout.directory + "/load.yaml"
        try fleet.layout.write(
            """
            policy: load
            agents: {labels: {kind: test}}
            \(backup)
            scripts: {directory: \(fleet.layout.shared)}
            \(more)

            """, to: file)
        let end = try await fleet.bookend("policy", "apply", file)
        try #require(end.status == 0, "\(end)")
    }

    /// Gives the orders in a row, awaits every end, and holds the books against each other.
    @discardableResult
    private func run(
        orders: Int, _ fleet: RealFleet, stages: [String] = ["pre", "backup", "post"]
    ) async throws -> [Int64] {
        let count = orders * agents
        let start = ContinuousClock.now
        let position = fleet.feed.count
        var jobs: [Int64] = []
        for _ in 0..<orders { jobs += try await fleet.json("backup", "load").all("job_id").compactMap(\.int) }
        print("\(orders) orders for \(agents) agents took \(ContinuousClock.now - start)")
        #expect(jobs.count == count && Set(jobs).count == count)

        var ended: [FeedLine] = []
        while ended.count < count {
            ended += try await fleet.feed.next(after: position + ended.count, patience: .seconds(120))
        }
        print("\(count) jobs ended after \(ContinuousClock.now - start)")
        #expect(Set(ended.map(\.job)) == Set(jobs) && ended.count == count)
        #expect(ended.allSatisfy { $0.status == 0 })

        let ledger = try String(contentsOfFile: fleet.layout.directory + "/ledger", encoding: .utf8)
        let expected = jobs.flatMap { job in stages.map { "\($0) \(job)" } }
        #expect(ledger.split(separator: "\n").map(String.init).sorted() == expected.sorted())

        try await expectCounts(of: jobs, fleet)
        try await nothingIsLeft(fleet)
        print("\(count) jobs were held against their books after \(ContinuousClock.now - start)")
        return jobs
    }

    /// The collector's books: each job stands there once, and the sums are right.
    private func expectCounts(of jobs: [Int64], _ fleet: RealFleet) async throws {
        let listed = try await fleet.bookend(
            "jobs", "--policy", "load", "--limit", "\(2 * jobs.count)", "--output", "json")
        // Thousands of jobs: the ids only, a line each.
        let ids = listed.output.split(separator: "\n").compactMap { line -> Int64? in
            let words = line.split(separator: ":")
            guard words.count == 2, words[0].hasSuffix("\"job_id\"") else { return nil }
            return Int64(words[1].drop { $0 == " " }.prefix { $0.isNumber })
        }
        #expect(ids.count == jobs.count && Set(ids) == Set(jobs))

        let fleetStatus = try await fleet.json("status")
        #expect(counts(fleetStatus["jobs"]) == [0: Int64(jobs.count)])
        #expect(fleetStatus["agents"].list.count == agents)
        for agent in fleetStatus["agents"].list {
            #expect(counts(agent["jobs"]) == [0: Int64(jobs.count / agents)], "\(agent)")
        }
        #expect(fleetStatus["policies"].list.map { counts($0["jobs"]) } == [[0: Int64(jobs.count)]])
    }

    private func counts(_ json: JSON) -> [Int64: Int64] {
        Dictionary(json.list.map { ($0["status"].int ?? -1, $0["jobs"].int ?? -1) }) { $0 + $1 }
    }

    private func nothingIsLeft(_ fleet: RealFleet) async throws {
        for site in fleet.layout.sites {
            let pid = try await fleet.daemon(site.id).pid
            #expect(Processes.children(of: pid) == [], "agent \(site.id)")
        }
        #expect(Processes.find(argument: fleet.layout.shared) == [])
        // What agents say of themselves comes with their next heartbeat.
        var busy: [JSON] = []
        for _ in 0..<40 {
            let records = try await fleet.json("agents").all("active_jobs").flatMap(\.list)
            let depth = try await fleet.json("agents").all("outbox_depth").compactMap(\.int).reduce(0, +)
            busy = records + (depth > 0 ? [.int(depth)] : [])
            if busy.isEmpty { break }
            try await Task.sleep(for: .milliseconds(250))
        }
        #expect(busy == [])
    }
}
