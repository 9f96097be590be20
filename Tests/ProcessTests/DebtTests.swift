import Foundation
import Glibc
import Testing

/// Post-scripts that are owed and could not be run, on a fleet whose agents are killed.
@Suite(.timeLimit(.minutes(60))) struct DebtTests {
    /// A restic whose `backup` makes the snapshot and then never ends.
    private static func hangingRestic() throws -> String {
        let path = try SafePlace.make("restic") + "/restic"
        let script = """
            #!/bin/sh
            restic "$@" || exit $?
            [ "$1" != backup ] || while :; do sleep 1; done

            """
        try script.write(toFile: path, atomically: true, encoding: .utf8)
        try #require(chmod(path, 0o755) == 0)
        return path
    }

    private func scenario(
        _ fleet: RealFleet, post: String?, backup: Scenario.Engine = .command("")
    ) async throws -> Scenario {
        try await Scenario(fleet: fleet, site: fleet.layout.sites[0], post: post, backup: backup)
    }

    private func restart(_ scenario: Scenario) async throws {
        _ = await scenario.fleet.daemon(scenario.site.id).stop(SIGKILL)
        try await scenario.fleet.start(scenario.site)
    }

    /// Awaits that `bookend status` shows as many open debts.
    private func statusShows(_ debts: Int64, _ fleet: RealFleet) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try await fleet.json("status")["open_debts"].int != debts {
            guard ContinuousClock.now < deadline else {
                throw Missed(description: "bookend status never showed \(debts) open debts")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    @Test func `a missing post-script stays owed and shown until it is there and paid, or forgiven`() async throws {
        try await RealFleet.with("debts", agents: 1) { fleet in
            let scenario = try await scenario(fleet, post: nil)
            let (one, two) = (try await scenario.run(), try await scenario.run())
            let view = try await scenario.expect(one, is: 0, Integers(0, 0, 2))
            #expect(view.alerts.contains("post-script-missing"))
            #expect(try await fleet.bookend("job", "\(one)").output.contains("bookend job pay \(one)"))

            try await statusShows(2, fleet)
            #expect(try await fleet.bookend("status").output.contains("2 post-scripts owed"))
            let list = try await fleet.bookend("debts", "--output", "json")
            #expect(list.status == 1)
            #expect(try JSON(parsing: list.output)["debts"].list.compactMap { $0["job_id"].int } == [one, two])

            let inVain = try await fleet.bookend("job", "pay", "\(one)")
            #expect(inVain.status == 1 && inVain.output.contains("still owed"), "\(inVain)")
            // What nobody says of itself: the coordinator knows who forgave.
            let forgiven = try await fleet.bookend("job", "forgive", "\(two)", "--reason", "started by hand")
            #expect(forgiven.status == 0, "\(forgiven)")
            #expect(try await fleet.bookend("job", "forgive", "\(two)", "--reason", "again").status == 4)

            try scenario.write("post", "")
            let paid = try await fleet.bookend("job", "pay", "\(one)")
            #expect(paid.status == 0 && paid.output.contains("settled, 0 successful"), "\(paid)")
            #expect(scenario.ledger.arguments("post", one) == ["\(one)", "0", "0"])
            #expect(scenario.ledger.environment("post", one)["BOOKEND_POST_RUN"] == "1")
            try await statusShows(0, fleet)
            #expect(try await fleet.bookend("debts", "--agent", scenario.site.id).status == 0)
            #expect(scenario.ledger.begins(two) == ["pre", "backup"])

            try await scenario.reached("post-script", 0, one)
            let after = try await fleet.job(one)
            #expect(after.status == 0 && after.last.integers == Integers(0, 0, 0))
            let reason = try await fleet.job(two).last.postScript.reason
            #expect(reason == "forgiven by local/\(getuid()): started by hand")
            #expect(!(try await fleet.bookend("job", "\(one)").output.contains("owed")))
        }
    }

    @Test func `what could not be paid is paid by the next start of the agent`() async throws {
        try await RealFleet.with("debts", agents: 1) { fleet in
            let scenario = try await scenario(fleet, post: nil)
            let job = try await scenario.run()
            try await restart(scenario)
            #expect(scenario.ledger.begins(job) == ["pre", "backup"])
            try scenario.write("post", "")
            try await restart(scenario)
            try await scenario.reached("post-script", 0, job)
            #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            try await restart(scenario)
            let next = try await scenario.run()
            try await scenario.expect(next, is: 0, Integers(0, 0, 0))
            #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"], "paid once")
        }
    }

    @Test func `a snapshot that was made when the agent died is found, and its backup is not repeated`() async throws {
        let restic = try Self.hangingRestic()
        // A test's rubbish, no more.
        defer { try? FileManager.default.removeItem(atPath: (restic as NSString).deletingLastPathComponent) }
        try await RealFleet.with("debts", agents: 1, extra: "restic: \(restic)") { fleet in
            let scenario = try await scenario(fleet, post: "", backup: .restic())
            try await scenario.apply(backup: .restic(), more: "retry: {attempts: 3, interval: 1s}")
            let job = try await scenario.order()
            try await scenario.reached("backup", 11, job)
            let deadline = ContinuousClock.now + .seconds(60)
            while try await scenario.site.snapshots(of: job).isEmpty {
                try #require(ContinuousClock.now < deadline, "restic made no snapshot")
                try await Task.sleep(for: .milliseconds(100))
            }
            try await restart(scenario)
            try await scenario.ended(job)
            let view = try await scenario.expect(job, is: 5, Integers(0, 5, 0))
            let snapshots = try await scenario.site.snapshots(of: job)
            #expect(snapshots.count == 1)
            #expect(view.last.backup.json["snapshot_id"] == snapshots.first?["id"])
            #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "5"])
            #expect(Processes.find(argument: restic).isEmpty, "what the dead agent left is ended")
        }
    }
}
