import BookendModel
import BookendTestSupport
import BookendTransport
import Foundation
import Glibc
import Testing

/// Servers that come with a token, to the real programs.
@Suite(.timeLimit(.minutes(60))) struct EnrollmentTests {
    @Test func `a server with a token runs jobs, and no key file names it`() async throws {
        try await RealFleet.with("enrollment", agents: 1) { fleet in
            #expect(!fleet.isGateOpen)
            let newcomer = try Newcomer("new-1", fleet)
            let token = try await fleet.token("--label", "site=north", "--ttl", "10m")
            let end = try await newcomer.enroll(token)
            #expect(end.status == 0 && end.output.contains("agent/new-1"), "\(end)")
            // The answer may have been lost: the same again is answered the same.
            let again = try await newcomer.enroll(token)
            #expect(again.status == 0, "\(again)")
            var file = stat()
            #expect(stat(newcomer.site.state + "/agent.key", &file) == 0 && file.st_mode & 0o777 == 0o600)
            let keys = try String(contentsOfFile: fleet.layout.directory + "/keys", encoding: .utf8)
            #expect(!keys.contains("new-1"))

            try await fleet.start(newcomer.site)
            try await fleet.comesOnline(newcomer.site)
            let job = try await newcomer.runsJobs()
            #expect(job.status == 0, "\(job)")
            let labels = try await fleet.json("agents", "new-1").all("labels")
            #expect(labels.first?["site"].text == "north" && labels.first?["kind"].text == "newcomer", "\(labels)")

            // It stays one of the fleet when the daemons start anew.
            await fleet.daemon("coordinator").stop(SIGKILL)
            await fleet.daemon("collector").stop(SIGKILL)
            try await fleet.startCollector()
            try await fleet.startCoordinator()
            try await fleet.comesOnline(newcomer.site)
            #expect(try await fleet.bookend("backup", "for-new-1", "--wait").status == 0)

            // Revoked, it is out; with a new key and a new token its name is in again.
            #expect(try await fleet.bookend("agent", "revoke", "new-1").status == 0)
            await fleet.daemon("new-1").stop()
            let old = try await newcomer.enroll(try await fleet.token())
            #expect(old.status == 1 && old.errors.contains("revoked"), "\(old)")
            try newcomer.forget()
            let back = try await newcomer.enroll(try await fleet.token())
            #expect(back.status == 0, "\(back)")
            let position = fleet.daemon("coordinator").errors.count
            try await fleet.start(newcomer.site)
            try await fleet.comesOnline(newcomer.site, after: position)
        }
    }

    @Test func `a token that is wrong, expired, used up or revoked lets nobody in`() async throws {
        try await RealFleet.with("enrollment-no", agents: 1) { fleet in
            let open = try await fleet.token("--uses", "5")
            let (first, second) = (try Newcomer("new-1", fleet), try Newcomer("new-2", fleet))
            func expectRefusal(_ token: String, _ word: String) async throws {
                let end = try await second.enroll(token)
                #expect(end.status == 1 && end.errors.contains(word), "\(end)")
            }
            var ticket = try TokenText.parse(open, for: [.agent])
            ticket.secret[0] ^= 1
            try await expectRefusal(TokenText.render(ticket), "does not know this token")
            ticket.token = TokenID(rawValue: 99)
            try await expectRefusal(TokenText.render(ticket), "does not know this token")
            #expect(try await second.enroll("bookend1-nonsense").errors.contains("token"))
            let login = try await Program.run("bookend", ["login", open], environment: fleet.environment)
            #expect(login.status == 2 && login.errors.contains("agent"), "\(login)")

            let once = try await fleet.token()
            #expect(try await first.enroll(once).status == 0)
            try await expectRefusal(once, "used 1 times")
            let short = try await fleet.token("--ttl", "1s")
            try await Task.sleep(for: .milliseconds(1_100))  // It is the time that must pass.
            try await expectRefusal(short, "expired")
            let revoked = try await fleet.token()
            let id = try TokenText.parse(revoked, for: [.agent]).token
            #expect(try await fleet.bookend("agent", "token", "revoke", "\(id)").status == 0)
            try await expectRefusal(revoked, "revoked")
            // Somebody else's name.
            let end = try await Program.run(
                "bookend-agent", ["enroll", open, "--id", "a1", "--config", second.site.configuration])
            #expect(end.status == 1 && end.errors.contains("agent/a1"), "\(end)")
            #expect(try await fleet.json("agent", "list").all("agent") == [.text("a1"), .text("new-1")])
        }
    }

    @Test func `the gate is there while a token lives, and dies with the coordinator`() async throws {
        try await RealFleet.with("enrollment-gate", agents: 1) { fleet in
            #expect(!fleet.isGateOpen && fleet.enroller == nil)
            let token = try await fleet.token()
            try await fleet.gate(isOpen: true)
            // Killed in the middle: it comes back.
            let first = try #require(fleet.enroller)
            kill(first, SIGKILL)
            let newcomer = try Newcomer("new-1", fleet)
            #expect(try await newcomer.enroll(token).status == 0)
            #expect(fleet.enroller != first)
            await fleet.daemon("coordinator").stop(SIGKILL)
            try await fleet.gate(isOpen: false)
            try await fleet.startCoordinator()
            let other = try await fleet.token()
            try await fleet.gate(isOpen: true)
            for text in [token, other] {
                let id = try TokenText.parse(text, for: [.agent]).token
                #expect(try await fleet.bookend("agent", "token", "revoke", "\(id)").status == 0)
            }
            try await fleet.gate(isOpen: false)
            #expect(fleet.enroller == nil)
        }
    }

    @Test func `who needs approval waits for it, also while the coordinator dies`() async throws {
        try await RealFleet.with("enrollment-approval", agents: 1) { fleet in
            let newcomer = try Newcomer("new-1", fleet)
            let enrolling = newcomer.enrolling(try await fleet.token("--approve"))
            try await enrolling.logged("waiting for an operator's word")
            let listed = try await fleet.bookend("agent", "list")
            #expect(listed.output.contains("new-1") && listed.output.contains("pending"), "\(listed)")
            // Its key opens nothing yet.
            let early = try Impostor(fleet.layout, keyFile: newcomer.site.state + "/agent.key")
            let (sync, intake) = (try await early.sync(), try await early.intake())
            for line in [sync, intake] { try await line.isRefused() }
            await early.stop()
            await fleet.daemon("coordinator").stop(SIGKILL)
            try await fleet.startCoordinator()
            let approved = try await fleet.bookend("agent", "approve", "new-1")
            #expect(approved.status == 0, "\(approved)")
            #expect(await enrolling.ended() == 0, "\(enrolling.errors.all)")
            try await fleet.start(newcomer.site)
            try await fleet.comesOnline(newcomer.site)
        }
    }

    @Test func `an operator logs in from elsewhere, and a second collector comes with a token`() async throws {
        try await RealFleet.with("enrollment-login", agents: 1) { fleet in
            let made = try await fleet.json("operator", "token", "create", "--role", "admin", "--name", "alice")
            let token = try #require(made["text"].text)
            let home = ["HOME": fleet.layout.directory + "/home"]
            try FileManager.default.createDirectory(
                atPath: fleet.layout.directory + "/home", withIntermediateDirectories: false)
            let login = try await Program.run("bookend", ["login", token], environment: home)
            #expect(login.status == 0 && login.output.contains("operator/alice"), "\(login)")
            // Over TCP, by the context that it wrote.
            let agents = try await Program.run("bookend", ["agents"], environment: home)
            #expect(agents.status == 0 && agents.output.contains("a1"), "\(agents)")
            let peers = try await fleet.json("operator", "list")
            #expect(peers.all("role") == [.text("admin")], "\(peers)")
            #expect(try await fleet.bookend("operator", "revoke", "alice").status == 0)
            #expect(try await Program.run("bookend", ["agents"], environment: home).status == 4)

            // Another one, by a role that only looks on.
            let viewer = try await fleet.json("operator", "token", "create", "--role", "viewer", "--name", "bob")
            let look = try await Program.run(
                "bookend", ["login", try #require(viewer["text"].text), "--context", "look"], environment: home)
            #expect(look.status == 0 && look.output.contains("viewer"), "\(look)")
            #expect(try await Program.run("bookend", ["agents"], environment: home).status == 0)
            for words in [["agent", "revoke", "a1"], ["agent", "token", "create"], ["operator", "approve", "bob"]] {
                let end = try await Program.run("bookend", words, environment: home)
                #expect(end.status == 4, "\(words): \(end)")
            }

            let other = try #require(try await fleet.json("collector", "token", "create")["text"].text)
            let state = fleet.layout.directory + "/second"
            let file = fleet.layout.directory + "/second.yaml"
            let ports = try FreePorts.find(2)
            try fleet.layout.write(
                """
                state_directory: \(state)
                keys: \(state)/there-is-none
                intake: "tcp://127.0.0.1:\(ports[0])"
                feed: "tcp://127.0.0.1:\(ports[1])"
                query: ipc://\(fleet.layout.sockets)/second.sock
                local_feed: ipc://\(fleet.layout.sockets)/second-feed.sock

                """, to: file)
            let end = try await Program.run(
                "bookend-collector", ["enroll", other, "--name", "second", "--config", file])
            #expect(end.status == 0, "\(end)")
            let collectors = try await fleet.json("collector", "list")
            #expect(Set(collectors.all("name")) == [.text("main"), .text("second")], "\(collectors)")
            // It is told of a revocation like the first, and so nobody is named.
            let second = RunningProgram("second", "bookend-collector", ["run", "--config", file])
            try await second.logged("collector is ready")
            let revoked = try await fleet.bookend("agent", "revoke", "a1")
            try await second.logged("peers were enrolled, changed or revoked")
            #expect(revoked.status == 0, "\(revoked)")
            #expect(await second.stop() == 0)
        }
    }

    @Test func `hostile guests at the gate exhaust nothing, and honest ones get in`() async throws {
        try await RealFleet.with("enrollment-hostile", agents: 1) { fleet in
            let token = try await fleet.token("--uses", "9", "--ttl", "1h")
            try await fleet.gate(isOpen: true)
            let ticket = try TokenText.parse(token, for: [.agent])
            let key = try CurveKey(ticket.serverKey)
            let idle = try IdleConnections(1_000, to: fleet.layout.ports.enroll)
            let thread = try SocketThread()
            var peak = 0
            for round in 0..<20 {
                for frames in Self.hostile(round) {
                    let socket = try await thread.open(
                        SocketPlan(
                            .dealer, try Endpoint(ticket.endpoint),
                            .curveClient(ClientKeys(try CurveKeyPair.generate()), server: key), retry: nil))
                    for _ in 0..<3 { socket.send([Message(frames)]) }
                }
                if let pid = fleet.enroller { peak = max(peak, Processes.peakMemory(pid)) }
            }
            let newcomer = try Newcomer("new-1", fleet)
            let end = try await newcomer.enroll(token)
            #expect(end.status == 0, "\(end)")
            if let pid = fleet.enroller { peak = max(peak, Processes.peakMemory(pid)) }
            #expect(peak > 0 && peak < 200 << 20, "\(peak >> 20) MiB")
            #expect(try await fleet.bookend("agents").status == 0)
            await thread.stop()
            idle.close()
        }
    }

    private static func hostile(_ seed: Int) -> [[Frame]] {
        let noise = (0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* (seed &* 2 + 7) &+ $0 >> 3) }
        return [
            [noise], [[]], [Frame(repeating: 0xFF, count: 4_096)], [Frame(repeating: 1, count: 5_000)],
            [Frame(repeating: 0x0A, count: 4_000)], Array(repeating: noise, count: 40),
            // A message of many parts is held until its last one comes.
            seed == 19 ? Array(repeating: Frame(repeating: 2, count: 4_000), count: 30_000) : [noise],
        ]
    }
}
