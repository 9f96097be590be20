import Foundation
import Glibc
import Testing

/// Scripts as transient services, with a `systemd-run` of the tests' own: what it is given, and what comes of it. What the
/// real one does with it needs a machine that systemd runs.
@Suite(.timeLimit(.minutes(60))) struct TransientServiceTests {
    /// Notes its words, and runs the command as a service would be: in a session and an environment of its own.
    private static func systemdRun(_ place: String) -> String {
        """
        #!/bin/bash
        { printf '%s\\n' "$@"; echo; } >>\(place)/systemd-run.log
        [ -e \(place)/broken ] && { echo 'Failed to connect to bus: No such file or directory' >&2; exit 1; }
        while [ "$1" != -- ]; do shift; done
        shift
        words=()
        for word; do words+=("${word//\\$\\$/$}"); done
        setsid env -i INVOCATION_ID=4711 SYSTEMD_EXEC_PID=1 "${words[@]}" <&0 &
        wait $!

        """
    }

    private func with(_ name: String, _ body: (RealFleet, AgentSite, String) async throws -> Void) async throws {
        try await RealFleet.with(name, agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let place = site.directory + "/bin"
            mkdir(place, 0o755)
            try fleet.layout.write(Self.systemdRun(place), to: place + "/systemd-run", mode: 0o755)
            try fleet.layout.write(
                "#!/bin/sh\necho \"$@\" >>\(place)/systemctl.log\n", to: place + "/systemctl", mode: 0o755)
            fleet.launch(site.id, by: RealFleet.Launch(environment: ["PATH": place + ":/usr/bin:/bin"]))
            try await fleet.reconfigure(site) { $0 + "\nscripts: {as: transient-service}\n" }
            try await body(fleet, site, place)
        }
    }

    /// The words of each call.
    private func calls(_ place: String) throws -> [[String]] {
        try String(contentsOfFile: place + "/systemd-run.log", encoding: .utf8).components(separatedBy: "\n\n")
            .map { $0.split(separator: "\n").map(String.init) }.filter { !$0.isEmpty }
    }

    @Test func `each script is a service of its own, and its statuses are what they are without`() async throws {
        try await with("services") { fleet, site, place in
            let scenario = try await Scenario(fleet: fleet, site: site)
            let job = try await scenario.run()
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "0"])
            let calls = try calls(place)
            #expect(calls.count == 2)
            for (call, (stage, mode)) in zip(calls, [("pre-script", "control-group"), ("post-script", "process")]) {
                let options = Array(call.prefix { $0 != "--" })
                #expect(
                    Set(options).isSuperset(of: ["--quiet", "--wait", "--pipe", "--collect", "--service-type=exec"]))
                #expect(
                    options.contains { $0.hasPrefix("--unit=bookend-job-\(job)-\(stage)-") && $0.hasSuffix(".service") }
                )
                // What the post-script leaves running may stay; a pre-script's goes with its cgroup.
                #expect(options.contains("--property=KillMode=\(mode)"), "\(options)")
                #expect(call.dropFirst(options.count + 1).first?.hasSuffix("/bookend-supervisor") == true)
            }
            // Nothing of what systemd gives to services, and nothing of the agent's.
            let names = Set(scenario.ledger.environment("pre", job).keys.filter { !$0.hasPrefix("BOOKEND_") })
            #expect(names.subtracting(["PWD", "OLDPWD", "SHLVL", "_"]) == ["PATH", "HOME", "LANG"], "\(names)")

            try scenario.write("pre", "exit 3")
            let failed = try await scenario.run()
            let view = try await scenario.expect(failed, is: 5, Integers(1, 0, 0))
            #expect(view.last.preScript.exitCode == 3)

            // A directory's name is not a variable of systemd's.
            let odd = site.scripts + "/a $HOME %n"
            try FileManager.default.moveItem(atPath: scenario.directory, toPath: odd)
            mkdir(scenario.directory, 0o755)
            for stage in ["pre", "post"] {
                try fleet.layout.write(
                    "#!/bin/sh\nprintf '%s' \"$0\" >'\(place)'/\(stage)\n", to: odd + "/\(stage)_script.sh", mode: 0o755
                )
            }
            let file = fleet.layout.directory + "/odd.yaml"
            try fleet.layout.write(
                """
                policy: odd
                agents: {ids: [\(site.id)]}
                backup: {engine: command, program: \(site.engine), arguments: [/bin/true]}
                scripts: {directory: "\(odd)"}

                """, to: file)
            #expect(try await fleet.bookend("policy", "apply", file).status == 0)
            let end = try await fleet.bookend("backup", "odd", "--wait")
            #expect(end.status == 0, "\(end)")
            #expect(try String(contentsOfFile: place + "/post", encoding: .utf8) == odd + "/post_script.sh")
        }
    }

    @Test func `a service ends at its timeout with all that it started, and one that does not start is 24`()
        async throws
    {
        try await with("service-ends") { fleet, site, place in
            let scenario = try await Scenario(
                fleet: fleet, site: site, pre: "setsid sleep 600 & echo $! >\"$here/child\"; sleep 600",
                scripts: "pre_timeout: 1s")
            let job = try await scenario.run()
            try await scenario.expect(job, is: 5, Integers(20, 0, 0))
            #expect(!scenario.ledger.isAlive("child"))

            try fleet.layout.write("", to: place + "/broken")
            let broken = try await scenario.run()
            let view = try await scenario.expect(broken, is: 5, Integers(24, 0, 2))
            #expect(view.last.preScript.reason.contains("started no service"), "\(view.last.preScript.reason)")
            #expect(scenario.ledger.begins(broken) == ["backup"])
        }
    }

    @Test func `what a killed agent left as a service is stopped as a unit too`() async throws {
        try await with("service-left") { fleet, site, place in
            let scenario = try await Scenario(fleet: fleet, site: site, pre: "echo $$ >\"$here/child\"; open gate")
            let job = try await scenario.order()
            try await scenario.reached("pre-script", 11, job)
            for _ in 0..<1_000 where !scenario.ledger.isAlive("child") { try await Task.sleep(for: .milliseconds(20)) }
            await fleet.daemon(site.id).stop(SIGKILL)
            #expect(scenario.ledger.isAlive("child"))
            try await fleet.start(site)
            try await scenario.ended(job)
            try await scenario.expect(job, is: 25, Integers(25, 25, 0))
            #expect(!scenario.ledger.isAlive("child"))
            let stopped = try String(contentsOfFile: place + "/systemctl.log", encoding: .utf8)
            #expect(stopped.hasPrefix("stop --no-block -- bookend-job-\(job)-pre-script-"), "\(stopped)")
        }
    }

    @Test func `without systemd-run the agent does not start as it was asked to, and says why`() async throws {
        try await RealFleet.with("no-systemd-run", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            await fleet.daemon(site.id).stop()
            let text = try String(contentsOfFile: site.configuration, encoding: .utf8)
            try fleet.layout.write(text + "\nscripts: {as: transient-service}\n", to: site.configuration)
            let end = try await Program.run(
                "bookend-agent", ["run", "--config", site.configuration], environment: ["PATH": "/nonexistent"])
            #expect(end.status == 1 && end.errors.contains("there is no systemd-run in /nonexistent"), "\(end)")
            try fleet.layout.write(text, to: site.configuration)
            try await fleet.start(site)
        }
    }
}

/// The units that are shipped.
@Suite struct UnitTests {
    @Test(.enabled(if: access("/usr/bin/systemd-analyze", X_OK) == 0, "systemd-analyze is not installed"))
    func `the shipped units are as confined as they are said to be`() async throws {
        let end = try await Program.run(SafePlace.checkout + "/tools/check-units", [])
        #expect(end.status == 0, "\(end.output)\(end.errors)")
    }

    @Test func `the agent tells the service manager when it is ready`() async throws {
        try await RealFleet.with("notify", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            // Neither the path's nor the abstract kind may be missed.
            for name in ["\(fleet.layout.sockets)/notify", "@bookend-notify-\(getpid())"] {
                let listener = RunningProgram(
                    "listener", "python3",
                    [
                        "-u", "-c",
                        """
                        import socket, sys
                        name = sys.argv[1]
                        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                        listener.bind("\\0" + name[1:] if name[0] == "@" else name)
                        print("listening")
                        print(listener.recv(4096).decode())
                        """, name,
                    ])
                _ = try await listener.output.first("the listener") { $0 == "listening" }
                await fleet.daemon(site.id).stop()
                fleet.launch(site.id, by: RealFleet.Launch(environment: ["NOTIFY_SOCKET": name]))
                try await fleet.start(site)
                _ = try await listener.output.first("READY=1") { $0 == "READY=1" }
                await listener.stop()
            }
        }
    }
}
