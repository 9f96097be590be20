import Foundation
import Glibc
import Testing

/// An agent that falls silent, on a real fleet: the collector says so, and the agent's own word puts it right.
@Suite(.timeLimit(.minutes(60))) struct SilenceTests {
    private func awaitStatus(_ status: Int64, of job: Int64, _ fleet: RealFleet) async throws -> JobView {
        let deadline = ContinuousClock.now + .seconds(90)
        while true {
            let view = try await fleet.job(job)
            if view.status == status { return view }
            guard ContinuousClock.now < deadline else {
                throw Missed(description: "job \(job) never was \(status.statusText): \(view.json)")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    @Test func `the job of an agent that is stopped in its tracks is lost, and is put right when it goes on`()
        async throws
    {
        try await RealFleet.with("silence", agents: 1, collector: "agent_lost_after: 5s") { fleet in
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: "sleep 8", post: "", backup: .command("true"))
            let job = try await scenario.order()
            try await scenario.reached("pre-script", 11, job)
            let pid = try await fleet.daemon(scenario.site.id).pid
            kill(pid, SIGSTOP)
            defer { kill(pid, SIGCONT) }
            let lost = try await awaitStatus(40, of: job, fleet)
            #expect(lost.json["standing"].text == "agent-lost" && lost.json["is_final"].bool == false)
            #expect(try await fleet.bookend("job", "\(job)").output.contains("40 agent-lost (inferred)"))
            kill(pid, SIGCONT)
            let over = try await awaitStatus(0, of: job, fleet)
            let inferences = over.json["inferences"].list
            #expect(inferences.count == 1 && inferences[0]["corrected_at"].text != nil, "\(over.json)")
        }
    }
}
