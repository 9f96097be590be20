import BookendTestSupport
import Foundation
import Glibc
import Subprocess
import SystemPackage
import Testing

extension OneFleet {
    /// The real restic in trouble: each ends in its own status, and the post-script is told.
    @Suite struct ResticFaultTests {
        @Test func `24: restic is missing`() async throws {
            try await Scenario.with(backup: .restic(), agent: "bare") { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 24, Integers(0, 24, 0))
                #expect(view.last.backup.reason.contains("restic-is-not-here"))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "24"])
            }
        }

        @Test func `24: the engine's program is missing; 23: it is not allowed`() async throws {
            try await Scenario.with { scenario in
                for (program, status) in [(scenario.site.directory + "/not-there", Int64(24)), ("/bin/true", 23)] {
                    let file = "\(scenario.fleet.layout.directory)/engine-\(scenario.policy).yaml"
                    try scenario.fleet.layout.write(
                        """
                        policy: \(scenario.policy)
                        agents: {ids: [\(scenario.site.id)]}
                        backup: {engine: command, program: \(program)}
                        scripts: {directory: \(scenario.directory)}

                        """, to: file)
                    #expect(try await scenario.fleet.bookend("policy", "apply", file).status == 0)
                    let job = try await scenario.run()
                    try await scenario.expect(job, is: status, Integers(0, status, 0))
                }
            }
        }

        @Test func `28: another restic holds the repository`() async throws {
            try await Scenario.with(backup: .restic(repository: "locked")) { scenario in
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
                try await withLockedRepository(
                    scenario.site.directory + "/locked", passwordFile: scenario.site.password
                ) {
                    let job = try await scenario.run()
                    try await scenario.expect(job, is: 28, Integers(0, 28, 0))
                    #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "28"])
                }
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
            }
        }

        @Test func `29: the repository is missing and may not be made`() async throws {
            try await Scenario.with(backup: .restic(repository: "absent")) { scenario in
                try await scenario.expect(try await scenario.run(), is: 29, Integers(0, 29, 0))
                #expect(!FileManager.default.fileExists(atPath: scenario.site.directory + "/absent"))
            }
        }

        @Test func `23: the agent has no repository of that name`() async throws {
            try await Scenario.with(backup: .restic(repository: "unknown")) { scenario in
                let view = try await scenario.expect(try await scenario.run(), is: 23, Integers(0, 23, 0))
                #expect(view.last.backup.reason.contains("no repository 'unknown'"))
            }
        }

        @Test func `30: the password is wrong`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
                try await scenario.apply(
                    backup: .restic(repository: "wrong"), more: "retry: {attempts: 3, interval: 0s}")
                let job = try await scenario.run()
                try await scenario.expect(job, is: 30, Integers(0, 30, 0))
            }
        }

        @Test func `5: one of several sources is missing, though restic says 0`() async throws {
            try await Scenario.with(backup: .restic(sources: ["/no/such/source"])) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(0, 5, 0))
                #expect(
                    view.last.backup.json.all("errors").flatMap(\.list).contains {
                        $0.text?.contains("/no/such/source") == true
                    })
                #expect(try await scenario.site.snapshots(of: job).count == 1)
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "5"])
            }
        }

        @Test func `5: some files cannot be read`() async throws {
            try await Scenario.with(backup: .restic(sources: ["/proc/self/mem"])) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(0, 5, 0))
                #expect(view.last.backup.exitCode == 3)
                #expect(try await scenario.site.snapshots(of: job).count == 1)
            }
        }

        @Test func `1: all sources are missing`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                let file = "\(scenario.fleet.layout.directory)/nothing-\(scenario.policy).yaml"
                try scenario.fleet.layout.write(
                    """
                    policy: \(scenario.policy)
                    agents: {ids: [\(scenario.site.id)]}
                    backup: {repository: main, sources: [/no/such/source]}
                    scripts: {directory: \(scenario.directory)}

                    """, to: file)
                #expect(try await scenario.fleet.bookend("policy", "apply", file).status == 0)
                // restic looks for its sources before it asks for the repository.
                try await scenario.expect(try await scenario.run(), is: 1, Integers(0, 1, 0))
            }
        }

        @Test func `21: restic is killed with kill -9`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
                let big = try BigSource(below: scenario.directory)
                try await scenario.apply(backup: .restic(sources: [big.path]))
                let job = try await scenario.order()
                try await scenario.reached("backup", 11, job)
                try await big.isLocked(scenario.site.repository)
                for pid in Processes.find(argument: big.path) where Processes.name(pid) == "restic" {
                    kill(pid, SIGKILL)
                }
                try await scenario.ended(job)
                try await scenario.expect(job, is: 21, Integers(0, 21, 0))
                let end = try await scenario.site.restic(["unlock", "--remove-all"])
                #expect(end.status == 0, "\(end)")
            }
        }
    }
}
