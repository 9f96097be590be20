import Foundation
import Testing

/// Pauses and maintenance on a real fleet.
@Suite(.timeLimit(.minutes(60))) struct HoldTests {
    @Test func `a paused policy and an agent in maintenance start nothing, are shown, and start again after it`()
        async throws
    {
        try await RealFleet.with("holds", agents: 2, extra: "autonomy: {grace: 1s, splay: 0s}") { fleet in
            let paused = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let maintained = try await Scenario(fleet: fleet, site: fleet.layout.sites[1])
            let now = Date().timeIntervalSince1970.rounded()
            let starts = [8.0, 14].map { "{at: \"\(Date(timeIntervalSince1970: now + $0).formatted(.iso8601))\"}" }
            for scenario in [paused, maintained] {
                try await scenario.apply(more: "schedules: [\(starts.joined(separator: ", "))]")
            }
            let until = Date(timeIntervalSince1970: now + 11).formatted(.iso8601)
            let pause = try await fleet.bookend(
                "policy", "pause", paused.policy, "--until", until, "--reason", "storage is moved")
            #expect(pause.status == 0 && pause.output.contains("storage is moved"), "\(pause)")
            let maintenance = try await fleet.bookend(
                "agent", "maintenance", maintained.site.id, "--for", "1h", "--reason", "new disks")
            #expect(maintenance.status == 0, "\(maintenance)")

            let status = try await fleet.bookend("status").output
            #expect(status.contains("storage is moved") && status.contains("new disks"), "\(status)")
            #expect(try await fleet.bookend("agents").output.contains("maintenance"))
            let shown = try await fleet.bookend("schedule").output
            #expect(shown.contains("paused: storage is moved") && shown.contains("maintenance: new disks"), "\(shown)")
            let held = try await fleet.json("schedule", "--policy", paused.policy)["starts"].list
            #expect(held.map { $0["held"].text } == ["paused: storage is moved", nil])

            // It holds over a restart of the coordinator.
            await fleet.daemon("coordinator").stop()
            try await fleet.startCoordinator()
            for site in fleet.layout.sites { try await fleet.comesOnline(site) }
            let second = try #require(
                try await fleet.json("schedule", "--policy", paused.policy)["starts"].list.last?["first_agents"].list
                    .first?["job_id"].int)
            try await paused.ended(second)
            try await paused.expect(second, is: 0, Integers(0, 0, 0))
            #expect(try await fleet.json("jobs", "--policy", paused.policy).all("job_id").compactMap(\.int) == [second])
            #expect(try await fleet.json("jobs", "--policy", maintained.policy).all("job_id").isEmpty)
            // By hand it starts all the same.
            let manual = try await maintained.run()
            try await maintained.expect(manual, is: 0, Integers(0, 0, 0))
            #expect(try await fleet.bookend("agent", "maintenance", maintained.site.id, "--end").status == 0)
            let again = try await fleet.bookend("agent", "maintenance", maintained.site.id, "--end")
            #expect(again.status == 4 && again.errors.contains("not in maintenance"), "\(again)")
            let log = try await fleet.bookend("audit").output
            #expect(log.contains("policy.pause") && log.contains("agent.maintain"), "\(log)")
        }
    }

    @Test func `a pause that says too little is refused, with what is missing`() async throws {
        try await RealFleet.with("wrong-holds", agents: 1) { fleet in
            let wrong: [(words: [String], status: Int32, says: String)] = [
                (["policy", "pause", "p", "--for", "2h"], 2, "--reason"),
                (["policy", "pause", "p", "--reason", "r"], 2, "--for or --until"),
                (
                    ["policy", "pause", "p", "--reason", "r", "--for", "2h", "--until", "2027-01-01T00:00:00Z"], 2,
                    "--for or --until"
                ),
                (["policy", "pause", "p", "--reason", "r", "--for", "2"], 2, "--for"),
                (["policy", "pause", "p", "--reason", "r", "--for", "400d"], 2, "366 days"),
                (["policy", "pause", "p", "--reason", "r", "--until", "2020-01-01T00:00:00Z"], 2, "passed"),
                (["policy", "pause", "p", "--reason", "", "--for", "2h"], 2, "reason"),
                (["policy", "pause", "p", "--reason", "r", "--for", "2h"], 4, "there is no policy p"),
                (["policy", "resume", "p"], 4, "there is no policy p"),
                (["agent", "maintenance", "a2", "--reason", "r", "--for", "2h"], 4, "there is no agent a2"),
                (["agent", "maintenance", "a1", "--end"], 4, "not in maintenance"),
                (["agent", "maintenance", "a1", "--end", "--for", "2h"], 2, "--end"),
                (["schedule", "--next", "0"], 2, "--next"), (["schedule", "--at", "noon"], 2, "--at"),
            ]
            for (words, status, says) in wrong {
                let end = try await Program.run("bookend", words, environment: fleet.environment)
                #expect(end.status == status && end.errors.contains(says), "\(words): \(end)")
            }
        }
    }
}
