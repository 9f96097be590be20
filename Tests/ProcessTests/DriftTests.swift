import Foundation
import Glibc
import Testing

extension OneFleet {
    /// What is not as a policy says is found on the real server, long before it matters.
    @Suite struct DriftTests {
        /// Asks until the answer is as expected, and gives the last one.
        private func drift(
            _ scenario: Scenario, until isRight: (JSON) -> Bool
        ) async throws -> (json: JSON, status: Int32) {
            // The agent looks each minute, and tells with its heartbeat.
            let deadline = ContinuousClock.now + .seconds(200)
            while true {
                let end = try await scenario.fleet.bookend(
                    "drift", "--policy", scenario.policy, "--all", "--output", "json")
                let json = try JSON(parsing: end.output)
                if isRight(json) || ContinuousClock.now >= deadline { return (json, end.status) }
                try await Task.sleep(for: .milliseconds(500))
            }
        }

        private func kinds(_ json: JSON) -> [String] {
            json["rows"].list.first?["problems"].list.compactMap { $0["kind"].text } ?? ["no row"]
        }

        private func alerts(_ scenario: Scenario) async throws -> [JSON] {
            try await scenario.fleet.json("alerts")["alerts"].list.filter {
                $0["policy"].text == scenario.policy && $0["kind"].text == "script-drift"
            }
        }

        private func alerts(_ scenario: Scenario, are count: Int) async throws -> [JSON] {
            let deadline = ContinuousClock.now + .seconds(120)
            while true {
                let found = try await alerts(scenario)
                if found.count == count || ContinuousClock.now >= deadline { return found }
                try await Task.sleep(for: .milliseconds(500))
            }
        }

        @Test func `scripts that are missing, unsafe or not the pinned ones are named before they run, and mended`()
            async throws
        {
            try await Scenario.with { scenario in
                let (pre, post) = ("\(scenario.directory)/pre_script.sh", "\(scenario.directory)/post_script.sh")
                var (json, status) = try await drift(scenario) { kinds($0) == [] }
                #expect(kinds(json) == [] && status == 0, "\(json)")
                #expect(json["rows"].list.first?["agent_revision"].int == 1)
                #expect(json["rows"].list.first?["post_script"].text == "ready")
                let table = try await scenario.fleet.bookend("drift", "--policy", scenario.policy)
                #expect(table.output.hasPrefix("no drift: 1 pair of a policy and an agent is as"), "\(table.output)")

                // A new revision is looked at as soon as it comes.
                let sum = try await Program.run("sha256sum", [pre])
                let digest = String(sum.output.prefix(64))
                chmod(post, 0o757)
                let other = String(repeating: "0", count: 64)
                try await scenario.apply(scripts: "pre_sha256: \"\(other)\"")
                (json, status) = try await drift(scenario) { kinds($0) == ["script-differs", "script-unsafe"] }
                #expect(kinds(json) == ["script-differs", "script-unsafe"] && status == 1, "\(json)")
                let reasons = json["rows"].list.first?["problems"].list.compactMap { $0["reason"].text } ?? []
                #expect(reasons.count == 2 && reasons[0].contains(digest) && reasons[1].contains(post), "\(reasons)")
                let raised = try await alerts(scenario, are: 1)
                #expect(raised.count == 1 && raised.first?["severity"].text == "warning", "\(raised)")

                // Only the file is put right: the agent looks by itself.
                unlink(post)
                try await scenario.apply(scripts: "pre_sha256: \"\(digest)\"")
                (json, status) = try await drift(scenario) { kinds($0) == ["script-missing"] }
                #expect(kinds(json) == ["script-missing"] && status == 1, "\(json)")
                let wide = try await scenario.fleet.bookend("drift", "--agent", scenario.site.id)
                #expect(wide.status == 1 && wide.output.contains("there is no post-script in"), "\(wide.output)")
                try scenario.write("post", "")
                (json, status) = try await drift(scenario) { kinds($0) == [] }
                #expect(kinds(json) == [] && status == 0, "\(json)")
                #expect(try await alerts(scenario, are: 0).isEmpty)
            }
        }

        @Test func `a policy that is not there and one that picks nobody are nothing to compare`() async throws {
            let fleet = try OneFleet.fleet
            let end = try await fleet.bookend("drift", "--policy", "nobody-has-this-name")
            #expect(end.status == 0 && end.output.contains("no such policy picks such an agent"), "\(end.output)")
            #expect(try await fleet.bookend("drift", "--policy", "not a name").status == 2)
        }
    }
}
