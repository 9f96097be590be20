import BookendTestSupport
import Foundation
import Glibc
import Testing

/// `bookend dev`: a fleet on this machine that starts and stops with one program.
@Suite(.serialized) struct DevTests {
    /// A directory, and what runs there.
    private struct Place {
        let directory: String

        static func with(_ body: (Place) async throws -> Void) async throws {
            let place = Place(directory: try SafePlace.make("dev"))
            do {
                try await body(place)
            } catch {
                for pid in place.daemons { kill(pid, SIGKILL) }
                throw error
            }
            #expect(place.daemons.isEmpty, "something was left behind")
            try FileManager.default.removeItem(atPath: place.directory)
        }

        var daemons: [pid_t] { Processes.find(argument: directory) }

        func start() -> RunningProgram {
            RunningProgram("dev", "bookend", ["dev", "--agents", "1", "--directory", directory])
        }

        func isReady(_ dev: RunningProgram) async throws {
            do {
                _ = try await dev.output.first("the fleet") { $0.hasPrefix("The fleet runs: 1 agent online.") }
            } catch {
                throw Missed(description: "\(error): \(dev.errors.all)")
            }
        }

        func bookend(_ words: String...) async throws -> Program.End {
            try await Program.run(
                "bookend", words,
                environment: [
                    "HOME": directory, "BOOKEND_COORDINATOR": "ipc://\(directory)/run/coordinator.sock",
                    "BOOKEND_COLLECTOR": "ipc://\(directory)/run/collector.sock",
                    "BOOKEND_FEED": "ipc://\(directory)/run/feed.sock",
                ])
        }

        func write(_ text: String, to name: String, mode: Int = 0o600) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(directory)/\(name)")
        }

        func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(directory)/\(name)") }
    }

    @Test func `SIGTERM behind a Ctrl-C cuts no post-script short`() async throws {
        try await Place.with { place in
            let dev = place.start()
            try await place.isReady(dev)
            #expect(dev.output.all.contains("  \(Program.path("bookend")) status"), "\(dev.output.all)")
            let scripts = place.directory + "/scripts"
            try place.write("#!/bin/sh\n", to: "scripts/pre_script.sh", mode: 0o755)
            try place.write(
                """
                #!/bin/sh
                touch \(place.directory)/begun
                while [ ! -e \(place.directory)/gate ]; do sleep 0.05; done
                touch \(place.directory)/ended

                """, to: "scripts/post_script.sh", mode: 0o755)
            try place.write(
                """
                policy: slow
                agents: {patterns: ["*"]}
                backup: {engine: command, program: /bin/true}
                scripts: {directory: \(scripts)}

                """, to: "slow.yaml")
            let applied = try await place.bookend("policy", "apply", place.directory + "/slow.yaml")
            try #require(applied.status == 0, "\(applied)")
            let ordered = try await place.bookend("backup", "slow")
            try #require(ordered.status == 0, "\(ordered)")
            try await eventually("the post-script begins") { place.has("begun") }

            try await dev.signal(SIGINT)
            try await dev.logged("stopping: the agents first")
            try await dev.signal(SIGTERM)
            try await dev.logged("stopping already")
            try place.write("", to: "gate")
            #expect(await dev.ended() == 0, "\(dev.errors.all)")
            #expect(place.has("ended"))
        }
    }

    @Test func `what a killed one left ends by itself, and the next one is ready with its own daemons only`()
        async throws
    {
        try await Place.with { place in
            let killed = place.start()
            try await place.isReady(killed)
            let orphans = try await Processes.children(of: killed.pid)
            #expect(orphans.count == 3)
            #expect(await killed.stop(SIGKILL) == 128 + SIGKILL)

            let dev = place.start()
            try await place.isReady(dev)
            // Ended; whether somebody has asked for its status is not this test's matter.
            #expect(orphans.allSatisfy { Processes.commandLine($0).isEmpty })
            let own = try await dev.pid
            #expect(Set(Processes.children(of: own)) == Set(place.daemons.filter { $0 != own }))
            #expect(await dev.stop() == 0, "\(dev.errors.all)")
        }
    }

    @Test func `daemons that somebody started by hand are named, and not taken for its own`() async throws {
        try await Place.with { place in
            let prepared = try await Program.run(
                "bookend", ["dev", "--agents", "1", "--directory", place.directory, "--prepare-only"])
            try #require(prepared.status == 0, "\(prepared)")
            let coordinator = RunningProgram(
                "coordinator", "bookend-coordinator", ["run", "--config", "\(place.directory)/coordinator.yaml"])
            try await coordinator.logged("coordinator is ready")
            let dev = place.start()
            #expect(await dev.ended() == 1)
            let pid = try await coordinator.pid
            #expect(dev.errors.all.last?.hasSuffix("kill \(pid)") == true, "\(dev.errors.all)")
            #expect(await coordinator.stop() == 0)
        }
    }
}
