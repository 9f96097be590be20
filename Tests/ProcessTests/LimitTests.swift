import Foundation
import Testing

/// Starts that wait for each other on a real fleet.
@Suite(.timeLimit(.minutes(20))) struct LimitTests {
    @Test func `the servers of a policy with a limit of one run one after the other`() async throws {
        try await RealFleet.with("limits", agents: 3, extra: "autonomy: {grace: 2s, splay: 0s}") { fleet in
            let log = "\(fleet.layout.directory)/order"
            let body = "echo \"begin $BOOKEND_JOB_ID\" >> \(log); sleep 3; echo \"end $BOOKEND_JOB_ID\" >> \(log)"
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: nil, post: nil, scripts: nil)
            let ids = fleet.layout.sites.map(\.id).joined(separator: ", ")
            let program = fleet.layout.shared + "/backup.sh"
            try fleet.layout.write("#!/bin/sh\n\(body)\n", to: program, mode: 0o755)
            let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 6).rounded()).formatted(.iso8601)
            let file = "\(fleet.layout.directory)/limited.yaml"
            try fleet.layout.write(
                """
                policy: limited
                agents: {ids: [\(ids)]}
                backup: {engine: command, program: \(program)}
                window: 10m
                limits: {per_policy: 1}
                schedules: [{at: "\(start)"}]

                """, to: file)
            let applied = try await fleet.bookend("policy", "apply", file)
            try #require(applied.status == 0, "\(applied)")
            let jobs = try await fleet.json("schedule", "--policy", "limited").all("job_id").compactMap(\.int)
            try #require(jobs.count == 3)
            for job in jobs { try await scenario.ended(job) }
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(lines.count == 6, "\(lines)")
            for pair in stride(from: 0, to: lines.count - 1, by: 2) {
                #expect(lines[pair].dropFirst(6) == lines[pair + 1].dropFirst(4), "\(lines)")
            }
            for job in jobs {
                #expect(try await fleet.json("job", "\(job)")["status"]["status"].int == 0)
                #expect(try await fleet.json("job", "\(job)")["cause"].text == "schedule")
            }
        }
    }
}
