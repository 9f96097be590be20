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

    @Test func `a subscriber hears once what became of jobs of which no agent spoke, and why`() async throws {
        try await RealFleet.with("unspoken", agents: 1, collector: "missed_after: 5s") { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let position = fleet.daemon("coordinator").errors.all.count
            await fleet.daemon(scenario.site.id).stop()
            try await fleet.goesOffline(scenario.site, after: position)
            let refused = try await scenario.order()
            let missed = try await scenario.order("--queue-for", "2s")
            let offline = try await fleet.feed.first("the end of job \(refused)") { $0.job == refused && $0.endsJob }
            let silent = try await fleet.feed.first("job \(missed) is missed") { $0.job == missed }
            #expect(offline.status == 31 && offline.isInference && silent.status == 41 && !silent.endsJob)
            #expect(offline.json["reason"].text?.hasPrefix("its agent was offline") == true)
            for line in [offline, silent] {
                let why = try #require(line.json["reason"].text)
                #expect(try await fleet.bookend("job", "\(line.job)").output.contains(why))
            }

            // A collector that is started anew tells it to whoever asks from the begin, and to nobody again.
            await fleet.daemon("collector").stop(SIGKILL)
            try await fleet.startCollector()
            let marker = try await scenario.order()
            _ = try await fleet.feed.first("the end of job \(marker)") { $0.job == marker }
            #expect(fleet.feed.all.map(\.job) == [refused, missed, marker])
            let whole = RunningProgram(
                "watch --from start", "bookend", ["watch", "--output", "json", "--from", "start"],
                environment: fleet.environment)
            // Not JSON: not that line.
            _ = try await whole.output.first("job \(marker)") { (try? FeedLine($0))?.job == marker }
            await whole.stop()
            let lines = try whole.output.all.map(FeedLine.init).filter { $0.job > 0 }
            #expect(lines.map(\.json) == fleet.feed.all.map(\.json))
            try await fleet.start(scenario.site)
            try await scenario.ended(missed)
            #expect(try await fleet.job(missed).status == 2)
        }
    }
}
