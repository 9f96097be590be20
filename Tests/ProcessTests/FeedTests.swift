import BookendTestSupport
import Foundation
import GRDB
import Testing

/// The feed, read by cursor, against the run of a whole fleet.
@Suite struct FeedTests {
    @Test func `watch from a cursor gives the whole rest, without a gap and without a duplicate`() async throws {
        try await RealFleet.with("feed", agents: 2) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(fleet: fleet, site: site)
            var jobs: [Int64] = []
            for _ in 0..<3 { jobs.append(try await scenario.run()) }
            let first = fleet.feed.all
            // From the middle, while more comes.
            let start = first[first.count / 2]
            let later = RunningProgram(
                "watch --from", "bookend", ["watch", "--output", "json", "--from", start.cursorText],
                environment: fleet.environment)
            for _ in 0..<10 { jobs.append(try await scenario.run()) }
            let last = jobs.last!
            _ = try await later.output.first("the end of job \(last)") {
                // Not JSON: not that line.
                (try? FeedLine($0)).map { $0.job == last && $0.endsJob } ?? false
            }
            await later.stop()
            let rest = try later.output.all.map(FeedLine.init)
            let expected = Array(fleet.feed.all.drop { $0.cursor != start.cursor }.dropFirst())
            #expect(rest.map(\.cursor) == expected.map(\.cursor))
            #expect(rest.map(\.json) == expected.map(\.json))
            #expect(Set(fleet.feed.all.map(\.cursor)).count == fleet.feed.all.count)

            // Each job of the ledgers ended once on the feed, and nothing else did.
            let ended = fleet.feed.all.filter(\.endsJob).map(\.job)
            #expect(ended.count == Set(ended).count && Set(jobs).isSubset(of: ended))
            for job in jobs { #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"]) }
        }
    }

    @Test func `a cursor older than what is kept is a gap, and the oldest that is not goes on without one`()
        async throws
    {
        try await RealFleet.with("pruned-feed", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let first = try await scenario.run()
            let old = fleet.feed.all
            let second = try await scenario.run()
            let kept = Array(fleet.feed.all.dropFirst(old.count))
            #expect(old.last?.job == first && kept.last?.job == second)

            // What is kept for 90 days is pruned when the collector starts.
            await fleet.daemon("collector").stop()
            let database = try DatabaseQueue(path: fleet.layout.directory + "/collector/collector.sqlite")
            try await database.write { database in
                try database.execute(
                    sql: """
                        UPDATE reports SET stored_at = stored_at - 91 * 86400000
                        WHERE cursor IN (SELECT cursor FROM reports ORDER BY cursor LIMIT ?)
                        """, arguments: [old.count])
            }
            try await fleet.startCollector()
            try await eventually("the first job's reports are pruned") {
                try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM reports") } == kept.count
            }
            try database.close()

            func watch(from cursor: String) -> RunningProgram {
                RunningProgram(
                    "watch --from \(cursor)", "bookend", ["watch", "--output", "json", "--from", cursor],
                    environment: fleet.environment)
            }
            for line in [old[0], old[old.count - 2]] {
                let late = watch(from: line.cursorText)
                do {
                    _ = try await late.errors.first("the gap") { $0.contains("no longer kept") }
                } catch {
                    await late.stop()
                    throw error
                }
                #expect(await late.ended() == 1)
                #expect(late.output.all.isEmpty)
            }
            // Who has read the last one that went has missed nothing.
            for cursor in [old[old.count - 1].cursorText, "start"] {
                let whole = watch(from: cursor)
                _ = try await whole.output.first("the end of job \(second)") {
                    // Not JSON: not that line.
                    (try? FeedLine($0)).map { $0.job == second && $0.endsJob } ?? false
                }
                await whole.stop()
                #expect(try whole.output.all.map { try FeedLine($0).json } == kept.map(\.json), "from \(cursor)")
            }
        }
    }
}
