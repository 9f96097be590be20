import Foundation
import Glibc
import Testing

/// The command that an agent runs when its coordinator is gone for long, and an agent that is there twice.
@Suite(.timeLimit(.minutes(60))) struct IsolationTests {
    /// Awaits that a file has as many lines.
    private func lines(_ count: Int, in file: String) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        // No file says nothing.
        while ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n").count != count {
            guard ContinuousClock.now < deadline else { throw Missed(description: "\(file) never had \(count) lines") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    @Test func `an agent that is cut off for long runs its command, once`() async throws {
        let place = try SafePlace.make("isolation")
        defer { try? FileManager.default.removeItem(atPath: place) }  // A test's rubbish, no more.
        let file = place + "/told"
        let extra = "on_isolation: {command: [/bin/sh, -c, \"echo told >> \(file)\"], after: 5s}"
        try await RealFleet.with("isolation", agents: 1, extra: extra) { fleet in
            let site = fleet.layout.sites[0]
            try await Task.sleep(for: .seconds(7))  // In touch all the time.
            try await lines(0, in: file)
            await fleet.daemon("coordinator").stop(SIGKILL)
            try await lines(1, in: file)
            _ = await fleet.daemon(site.id).stop(SIGKILL)
            try await fleet.start(site)
            try await Task.sleep(for: .seconds(7))  // It was told.
            try await lines(1, in: file)
            try await fleet.startCoordinator()
            try await fleet.daemon(site.id).logged("the coordinator is in reach again", patience: .seconds(100))
            await fleet.daemon("coordinator").stop(SIGKILL)
            try await lines(2, in: file)
            try await fleet.startCoordinator()
        }
    }

    @Test func `two agents that live with one key are shown as cloned`() async throws {
        try await RealFleet.with("clone", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let place = fleet.layout.directory + "/clone"
            mkdir(place, 0o755)
            let text = try String(contentsOfFile: site.configuration, encoding: .utf8)
            try fleet.layout.write(
                text.replacingOccurrences(of: "state_directory: \(site.state)", with: "state_directory: \(place)"),
                to: place + "/agent.yaml")
            #expect(try await fleet.json("agents", site.id)["agents"].list[0]["is_cloned"].bool == false)
            let clone = RunningProgram("clone", "bookend-agent", ["run", "--config", place + "/agent.yaml"])
            do {
                try await fleet.daemon("coordinator").logged("agent-cloned", patience: .seconds(60))
                #expect(try await fleet.json("agents", site.id)["agents"].list[0]["is_cloned"].bool == true)
                #expect(try await fleet.bookend("agents").output.contains("cloned"))
            } catch {
                await clone.stop()
                throw error
            }
            await clone.stop()
        }
    }
}
