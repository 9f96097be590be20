import Foundation
import Testing

/// An agent whose supervisors wait, when told to, before they do anything: the place between a start that the agent has
/// recorded and the start itself.
struct HeldSupervisor {
    private let directory: String

    /// Starts the site's agent anew, from a folder with a supervisor of its own beside it.
    static func with(_ scenario: Scenario, _ body: (HeldSupervisor) async throws -> Void) async throws {
        let (fleet, site) = (scenario.fleet, scenario.site)
        let held = HeldSupervisor(directory: site.directory + "/held")
        try held.make(fleet.layout)
        await fleet.daemon(site.id).stop()
        fleet.launch(site.id, by: RealFleet.Launch(program: held.directory + "/bookend-agent"))
        try await fleet.start(site)
        do {
            try await body(held)
        } catch {
            held.release()
            fleet.launch(site.id, by: nil)
            throw error
        }
        held.release()
        fleet.launch(site.id, by: nil)
        await fleet.daemon(site.id).stop()
        try await fleet.start(site)
    }

    private func make(_ layout: FleetLayout) throws {
        let files = FileManager.default
        try? files.removeItem(atPath: directory)  // Of the test before, if there was one.
        try files.createDirectory(
            atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        let agent = Program.path("bookend-agent")
        do {
            try files.linkItem(atPath: agent, toPath: directory + "/bookend-agent")
        } catch {
            // Another file system.
            try files.copyItem(atPath: agent, toPath: directory + "/bookend-agent")
        }
        try layout.write(
            """
            #!/bin/sh
            here='\(directory)'
            if [ -e "$here/hold" ]; then
                read -r text <"$here/hold"
                case "$*" in
                    *"$text"*) : >"$here/held"; while [ -e "$here/hold" ]; do sleep 0.05; done ;;
                esac
            fi
            exec '\(Program.path("bookend-supervisor"))' "$@"

            """, to: directory + "/bookend-supervisor", mode: 0o755)
    }

    /// From now on supervisors with this text among their arguments wait.
    func hold(_ text: String) throws {
        try (text + "\n").write(toFile: directory + "/hold", atomically: true, encoding: .utf8)
    }

    /// Awaits that one waits.
    func holds() async throws {
        for _ in 0..<3_000 {
            if FileManager.default.fileExists(atPath: directory + "/held") { return }
            try await Task.sleep(for: .milliseconds(10))  // A file's coming can only be looked for.
        }
        throw Missed(description: "no supervisor was started")
    }

    /// Lets those that wait go on, and returns once they are gone, if their agent is dead.
    func release() {
        // Nothing is held: nothing to release.
        try? FileManager.default.removeItem(atPath: directory + "/hold")
    }
}
