import Foundation
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
            let cursor = start.cursor.text ?? start.cursor.int.map(String.init) ?? ""
            let later = RunningProgram(
                "watch --from", "bookend", ["watch", "--output", "json", "--from", cursor],
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
}
