import Foundation
import Glibc
import Testing

/// Secrets go from their files to restic, and nowhere else.
@Suite(.timeLimit(.minutes(60))) struct SecretsTests {
    /// Each stands in one place only, and is searched for everywhere.
    private enum Canary {
        static let location = "canary-location-5f1d"
        static let password = "canary-password-8a2e"
        static let environment = "canary-environment-c37b"
        static let credential = "canary-credential-19d4"
        static let output = "canary-output-e60a"
        static let files = [location, password, environment, credential]
    }

    /// A restic that says all that it knows, in every way in which restic says things, and waits.
    private static func loudRestic(_ gate: String) -> String {
        """
        #!/bin/sh
        location=$(cat "$RESTIC_REPOSITORY_FILE" 2>/dev/null || echo "$RESTIC_REPOSITORY")
        all="$location $(cat "$RESTIC_PASSWORD_FILE") $AWS_SECRET_ACCESS_KEY"
        echo "{\\"message_type\\":\\"error\\",\\"error\\":{\\"message\\":\\"open: $all\\"},\\"item\\":\\"/x $all\\"}" >&2
        echo "Fatal: unable to open config file: $all" >&2
        touch '\(gate).begun'
        until [ -e '\(gate)' ]; do sleep 0.05; done
        [ -e '\(gate).abort' ] && kill -ABRT $$
        exit 1

        """
    }

    @Test func `canaries in every place of secrets show in no log, report, listing, answer, database or crash`()
        async throws
    {
        try await RealFleet.with("secrets", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let place = site.directory
            let gate = place + "/gate"
            try fleet.layout.write(Self.loudRestic(gate), to: place + "/restic", mode: 0o755)
            try fleet.layout.write("rest:http://me:\(Canary.location)@127.0.0.1:9/r\n", to: place + "/location")
            try fleet.layout.write("\(Canary.password)\n", to: place + "/loud-password")
            try fleet.layout.write("AWS_SECRET_ACCESS_KEY=\(Canary.environment)\n", to: place + "/loud-environment")
            mkdir(place + "/credentials", 0o700)
            try fleet.layout.write("\(Canary.credential)\n", to: place + "/credentials/given")
            fleet.launch(site.id, by: RealFleet.Launch(environment: ["CREDENTIALS_DIRECTORY": place + "/credentials"]))
            try await fleet.reconfigure(site) {
                $0.replacingOccurrences(
                    of: "repositories:\n",
                    with: """
                        restic: \(place)/restic
                        log_level: trace
                        repositories:
                          loud: {location_file: \(place)/location, password_file: \(place)/loud-password, environment_file: \(place)/loud-environment}
                          given: {location_credential: given, password_credential: given, environment_file: \(place)/loud-environment}

                        """)
            }
            let curveKey = try String(contentsOfFile: place + "/agent.key", encoding: .utf8)
            // Its last line; the one before names the public half.
            let secretKey = try #require(curveKey.split(whereSeparator: \.isWhitespace).last.map(String.init))
            #expect(secretKey.count == 40)
            let secrets = Canary.files + [secretKey]
            var said = ""

            let script = "echo \(Canary.output); echo \(Canary.output) >&2; exit 3"
            for (repository, aborts) in [("loud", false), ("given", true)] {
                let scenario = try await Scenario(
                    fleet: fleet, site: site, pre: script, post: script, backup: .restic(repository: repository))
                for name in [gate, gate + ".abort", gate + ".begun"] { unlink(name) }
                if aborts { try fleet.layout.write("", to: gate + ".abort") }
                let job = try await scenario.order()
                while access(gate + ".begun", F_OK) != 0 { try await Task.sleep(for: .milliseconds(20)) }
                expectNoSecret(secrets + [Canary.output], besides: place + "/restic")
                try fleet.layout.write("", to: gate)
                try await scenario.ended(job)
                for words in [
                    ["job", "\(job)"], ["job", "\(job)", "--output", "json"], ["explain", "\(job)"], ["status"],
                    ["snapshots", "--agent", site.id, "--repository", repository],
                    [
                        "restore", "1a2b3c4d", "--agent", site.id, "--to", site.restore + "/x", "--repository",
                        repository,
                    ],
                    ["policy", "show", scenario.policy], ["agents", site.id], ["debts"],
                ] {
                    let end = try await Program.run("bookend", words, environment: fleet.environment)
                    said += end.output + end.errors
                }
                let reason = try await fleet.job(job).last.backup.reason
                #expect(
                    aborts ? reason.contains("signal") || reason.contains("***") : reason.contains("***"), "\(reason)")
                // The one place that may hold it.
                let logs = try await fleet.bookend("logs", "\(job)")
                #expect(logs.output.contains(Canary.output), "\(logs)")
            }

            // A crash says nothing either.
            await fleet.daemon(site.id).stop(SIGABRT)
            try await fleet.start(site)

            for name in ["coordinator", "collector", site.id] {
                said += fleet.daemon(name).errors.all.joined(separator: "\n")
            }
            said += fleet.feed.all.map(\.line).joined(separator: "\n")
            for secret in secrets + [Canary.output] { #expect(!said.contains(secret), "\(secret)") }
            for secret in secrets {
                #expect(
                    try files(below: fleet.layout.directory, holding: secret).filter { path in
                        // Where it was put, and what restic itself printed, which operators alone may read.
                        !["/location", "/loud-password", "/loud-environment", "/credentials/given", "/agent.key"]
                            .contains {
                                path == place + $0
                            } && !path.hasPrefix(site.state + "/output/")
                    } == [], "\(secret)")
            }
            #expect(
                try files(below: fleet.layout.directory, holding: Canary.output).allSatisfy {
                    $0.hasPrefix(site.state + "/output/") || $0.hasPrefix(site.scripts)
                })
        }
    }

    @Test func `canaries of both servers show in no log, answer, listing, database or core file`() async throws {
        let secret = (mail: "canary-mail-41c7", url: "canary-url-b0d2", hook: "canary-hook-77fa")
        let channels = """
            log_level: trace
            channels:
              - {name: mail, type: mail, server: "127.0.0.1:1", encryption: tls, user: me, password_file: PLACE/mail, from: a@example.org, to: [b@example.org]}
              - {name: hook, type: webhook, url_file: PLACE/url, secret_file: PLACE/hook}
            """
        let parent = try SafePlace.make("secrets-of-servers")
        defer { try? FileManager.default.removeItem(atPath: parent) }  // A test's rubbish, no more.
        let cores = parent + "/cores"
        mkdir(cores, 0o700)
        try await RealFleet.with(
            "secrets-servers", agents: 1, coordinator: "log_level: trace",
            collector: channels.replacingOccurrences(of: "PLACE", with: parent)
        ) { fleet in
            let layout = fleet.layout
            try layout.write("\(secret.mail)\n", to: parent + "/mail")
            try layout.write("http://127.0.0.1:1/\(secret.url)\n", to: parent + "/url")
            try layout.write("\(secret.hook)\n", to: parent + "/hook")
            // As the units have it: what prints a backtrace would catch the signal.
            let wrapper = parent + "/dumps"
            try layout.write(
                "#!/bin/sh\nexport SWIFT_BACKTRACE=enable=no\ncd '\(cores)' && ulimit -c unlimited && exec \"$@\"\n",
                to: wrapper, mode: 0o755)
            for name in ["coordinator", "collector"] {
                await fleet.daemon(name).stop()
                fleet.launch(name, by: RealFleet.Launch(wrapper: wrapper))
            }
            try await fleet.startCoordinator()
            try await fleet.startCollector()
            var said = ""
            func note(_ end: Program.End) { said += end.output + end.errors }

            // Tokens as arguments, for as long as an operator lets their programs wait.
            let newcomer = try Newcomer("new-1", fleet)
            let token = try await fleet.token("--approve")
            let enrolling = newcomer.enrolling(token)
            try await enrolling.logged("waiting for an operator's word")
            let made = try await fleet.json(
                "operator", "token", "create", "--role", "viewer", "--name", "eve", "--approve")
            let login = try #require(made["text"].text)
            let loggingIn = RunningProgram(
                "login", "bookend", ["login", login], environment: ["HOME": parent, "USER": "eve"])
            try await loggingIn.logged("waiting for an operator's word")
            for pid in [try await enrolling.pid, try await loggingIn.pid] {
                let words = Processes.commandLine(pid)
                #expect(words.contains("***") && !words.contains("bookend1-"), "\(words)")
            }

            var secrets = [secret.mail, secret.url, secret.hook, token, login]
            for key in ["coordinator.key", "collector.key", "coordinator/enroller.key"] {
                let text = try String(contentsOfFile: "\(layout.directory)/\(key)", encoding: .utf8)
                secrets.append(try #require(text.split(whereSeparator: \.isWhitespace).last.map(String.init)))
            }
            expectNoSecret(secrets, besides: "no restic")
            for channel in ["mail", "hook"] {
                let end = try await fleet.bookend("alerts", "test", channel)
                #expect(end.status == 1, "\(end)")
                note(end)
            }
            for words in [
                ["status"], ["alerts", "messages"], ["audit"], ["agent", "list"], ["agent", "token", "list"],
            ] {
                note(try await Program.run("bookend", words + ["--output", "json"], environment: fleet.environment))
            }
            await enrolling.stop()
            await loggingIn.stop()
            said += (enrolling.errors.all + enrolling.output.all + loggingIn.errors.all).joined(separator: "\n")

            for name in ["coordinator", "collector"] {
                said += fleet.daemon(name).errors.all.joined(separator: "\n")
                await fleet.daemon(name).stop(SIGABRT)
                said += fleet.daemon(name).errors.all.joined(separator: "\n")
                fleet.launch(name, by: nil)
            }
            // Not even what is no secret.
            #expect(try FileManager.default.contentsOfDirectory(atPath: cores) == [])
            try await fleet.startCoordinator()
            try await fleet.startCollector()
            let places = ["mail", "url", "hook"].map { "\(parent)/\($0)" }
            for secret in secrets {
                #expect(!said.contains(secret), "\(secret)")
                let holding =
                    try files(below: layout.directory, holding: secret) + files(below: parent, holding: secret)
                #expect(holding.filter { !places.contains($0) && !$0.hasSuffix(".key") } == [], "\(secret)")
            }
        }
    }

    /// Looks at the words and environments of all processes but restic, its supervisor and what they run.
    private func expectNoSecret(_ secrets: [String], besides restic: String) {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
        for pid in names where pid != getpid() {
            let words = Processes.commandLine(pid)
            for secret in secrets { #expect(!words.contains(secret), "\(pid): \(words)") }
            let isResticOrItsSupervisor =
                words.contains(restic)
                || Processes.parent(pid).map { Processes.commandLine($0).contains(restic) } ?? false
            guard !isResticOrItsSupervisor, let file = fopen("/proc/\(pid)/environ", "r") else { continue }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 256 << 10)
            let environment = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
            for secret in secrets { #expect(!environment.contains(secret), "\(pid) \(words)") }
        }
    }

    private func files(below folder: String, holding text: String) throws -> [String] {
        let wanted = Data(text.utf8)
        return try FileManager.default.subpathsOfDirectory(atPath: folder).map { folder + "/" + $0 }.filter { path in
            // A directory, a socket, a file that went away: nothing to read.
            guard let data = FileManager.default.contents(atPath: path) else { return false }
            return data.range(of: wanted) != nil
        }
    }
}
