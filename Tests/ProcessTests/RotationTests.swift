import BookendModel
import BookendTestSupport
import BookendTransport
import Foundation
import Glibc
import Testing

/// Keys that change while the real programs run.
@Suite(.timeLimit(.minutes(60))) struct RotationTests {
    private func keyFile(_ site: AgentSite) -> String { site.directory + "/agent.key" }

    private func publicKey(_ file: String) throws -> String { try CurveKeyPair.read(secretFile: file).publicKey.text }

    /// State by public key, of all keys that a name ever had.
    private func keys(_ kind: String, _ name: String, _ fleet: RealFleet) async throws -> [String: String] {
        let shown = try await fleet.json(kind, "show", name)
        let pairs = zip(shown.all("public_key").compactMap(\.text), shown.all("state").compactMap(\.text))
        return Dictionary(uniqueKeysWithValues: Array(pairs))
    }

    /// The agent has put the next key in the place of the one before.
    private func promoted(_ site: AgentSite) async throws {
        for _ in 0..<1_000 where access(keyFile(site) + ".next", F_OK) == 0 {
            try await Task.sleep(for: .milliseconds(20))  // A file can only be looked for.
        }
        #expect(access(keyFile(site) + ".next", F_OK) != 0)
    }

    private func runsAJob(_ scenario: Scenario) async throws {
        let job = try await scenario.run()
        try await scenario.expect(job, is: 0, Integers(0, 0, 0))
    }

    /// A copy of the key that the agent has now, in the hands of somebody else.
    private func thief(_ site: AgentSite, _ fleet: RealFleet) throws -> Impostor {
        try Impostor(fleet.layout, keyFile: keyFile(site))
    }

    private func expectShutOut(_ thief: Impostor, of site: AgentSite) async throws {
        for line in [try await thief.sync(), try await thief.intake(), try await thief.orders(of: site.id)] {
            try await line.isRefused()
        }
        await thief.stop()
    }

    @Test func `an agent's key changes while a job runs, which goes on, and the old key is refused`() async throws {
        try await RealFleet.with("rotation", agents: 2) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(
                fleet: fleet, site: site, backup: .command("open go"))
            let (thief, old) = (try thief(site, fleet), try publicKey(keyFile(site)))
            // His ear at the orders, which is to be cut off.
            let orders = try await thief.orders(of: site.id)
            try await orders.connects()
            let pid = try await fleet.daemon(site.id).pid
            let job = try await scenario.order()
            try await scenario.reached("backup", 11, job)

            let end = try await fleet.bookend("agent", "rotate-key", site.id)
            #expect(end.status == 0 && end.output.contains("the one before is revoked"), "\(end)")
            try await promoted(site)
            let new = try publicKey(keyFile(site))
            #expect(new != old && end.output.contains(new))
            var file = stat()
            #expect(stat(keyFile(site), &file) == 0 && file.st_mode & 0o777 == 0o600)
            #expect(try await keys("agent", site.id, fleet) == [old: "revoked", new: "admitted"])
            try await orders.isRefused()
            try await expectShutOut(thief, of: site)

            try scenario.open("go")
            try await scenario.ended(job)
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            FeedCheck.expectExact(fleet.feed.all)
            #expect(try await fleet.daemon(site.id).pid == pid)
            let audit = try await fleet.json("audit")["entries"].list
            #expect(audit.contains { $0["what"].text == "peer.rotate" && $0["who"].text?.hasPrefix("local/") == true })
            #expect(
                audit.contains {
                    $0["what"].text == "key.rotate" && $0["who"].text == "agent/a1"
                        && $0["detail"].text?.contains("revoked") == true
                })

            // The key file still names the old one. Again, and with the daemons started anew.
            #expect(try await fleet.bookend("agent", "rotate-key", site.id).status == 0)
            try await promoted(site)
            await fleet.daemon("coordinator").stop(SIGKILL)
            await fleet.daemon("collector").stop(SIGKILL)
            await fleet.daemon(site.id).stop(SIGKILL)
            try await fleet.startCollector()
            try await fleet.startCoordinator()
            try await fleet.start(site)
            try await fleet.comesOnline(site)
            let last = try await scenario.run()
            try await scenario.expect(last, is: 0, Integers(0, 0, 0))
            let states = try await keys("agent", site.id, fleet)
            let present = try publicKey(keyFile(site))
            #expect(states.count == 3 && states[present] == "admitted", "\(states)")
            #expect(states.values.filter { $0 == "revoked" }.count == 2)
        }
    }

    @Test func `whoever dies between two steps of a rotation, the agent comes back and it is ended`() async throws {
        try await RealFleet.with("rotation-crash", agents: 2) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(fleet: fleet, site: site)
            let first = try publicKey(keyFile(site))

            // It died when the key was made and nobody had heard of it.
            try await kill(site, fleet)
            _ = try NextKeyFile(besides: keyFile(site)).make()
            let second = try publicKey(keyFile(site) + ".next")
            try await start(site, fleet)
            try await runsAJob(scenario)
            #expect(try await keys("agent", site.id, fleet) == [first: "admitted"])

            // It dies when its next key is admitted, before it was told to use it. The collector, stopped, holds that up.
            let collector = fleet.daemon("collector")
            try await collector.signal(SIGSTOP)
            let rotating = rotation(site, fleet)
            try await fleet.daemon("coordinator").logged("a peer has a next key")
            try await kill(site, fleet)
            try await collector.signal(SIGCONT)
            #expect(await rotating.ended() == 1, "\(rotating.errors.all)")
            #expect(try await keys("agent", site.id, fleet) == [first: "admitted", second: "admitted"])
            try await start(site, fleet)
            try await promoted(site)
            try await runsAJob(scenario)
            #expect(try await keys("agent", site.id, fleet) == [first: "revoked", second: "admitted"])

            // It dies when it uses the next key, and has not put it in the place of the other: the collector is away.
            try await collector.signal(SIGSTOP)
            let position = fleet.daemon("coordinator").errors.count
            let again = rotation(site, fleet)
            try await fleet.daemon("coordinator").logged("a key was retired", after: position)
            try await kill(site, fleet)
            #expect(try publicKey(keyFile(site)) == second)
            let third = try publicKey(keyFile(site) + ".next")
            #expect(await again.ended() == 1 && again.errors.all.contains { $0.contains("collector/main") })
            try await collector.signal(SIGCONT)
            try await start(site, fleet)
            try await promoted(site)
            try await runsAJob(scenario)
            #expect(try publicKey(keyFile(site)) == third)

            // The coordinator dies when it has admitted the next key; whoever asks again ends what was begun.
            try await collector.signal(SIGSTOP)
            let late = fleet.daemon("coordinator").errors.count
            let broken = rotation(site, fleet)
            try await fleet.daemon("coordinator").logged("a peer has a next key", after: late)
            await fleet.daemon("coordinator").stop(SIGKILL)
            try await collector.signal(SIGCONT)
            #expect(await broken.ended() != 0)
            let fourth = try publicKey(keyFile(site) + ".next")
            try await fleet.startCoordinator()
            try await fleet.comesOnline(site)
            #expect(try await keys("agent", site.id, fleet)[fourth] == "admitted")
            #expect(try await fleet.bookend("agent", "rotate-key", site.id).status == 0)
            try await promoted(site)
            try await runsAJob(scenario)
            let states = try await keys("agent", site.id, fleet)
            #expect(states == [first: "revoked", second: "revoked", third: "revoked", fourth: "admitted"])
            FeedCheck.expectExact(fleet.feed.all)
        }
    }

    private func rotation(_ site: AgentSite, _ fleet: RealFleet) -> RunningProgram {
        RunningProgram("rotate-key", "bookend", ["agent", "rotate-key", site.id], environment: fleet.environment)
    }

    /// Kills the agent, and awaits that the coordinator has seen it: only then its return is seen too.
    private func kill(_ site: AgentSite, _ fleet: RealFleet) async throws {
        let position = fleet.daemon("coordinator").errors.count
        await fleet.daemon(site.id).stop(SIGKILL)
        try await fleet.goesOffline(site, after: position)
    }

    private func start(_ site: AgentSite, _ fleet: RealFleet) async throws {
        let position = fleet.daemon("coordinator").errors.count
        try await fleet.start(site)
        try await fleet.comesOnline(site, after: position)
    }

    // MARK: The coordinator's key

    private func unknowing(_ daemon: String, _ fleet: RealFleet) async throws -> [String] {
        try await fleet.json(daemon, "rotate-key", "--status")["uninformed"].list.compactMap(\.text)
    }

    /// Awaits that nobody but these is missing; it can only be asked for.
    private func allKnow(_ daemon: String, _ fleet: RealFleet, but missing: [String] = []) async throws {
        var names = try await unknowing(daemon, fleet)
        for _ in 0..<300 where names != missing {
            try await Task.sleep(for: .milliseconds(50))
            names = try await unknowing(daemon, fleet)
        }
        #expect(names == missing)
    }

    /// Switches, and awaits that everybody is back, whom nobody has touched.
    private func switchKey(_ fleet: RealFleet) async throws {
        let coordinator = fleet.daemon("coordinator")
        let (position, collector) = (coordinator.errors.count, fleet.daemon("collector").errors.count)
        let end = try await fleet.bookend("coordinator", "rotate-key", "--switch")
        #expect(end.status == 0, "\(end)")
        try await coordinator.logged("coordinator is ready", after: position)
        for site in fleet.layout.sites { try await fleet.comesOnline(site, after: position) }
        try await fleet.daemon("collector").logged("the coordinator has a new key", after: collector)
    }

    @Test func `the coordinator's key changes while a job runs, and all come back that nobody has touched`()
        async throws
    {
        try await RealFleet.with("rotation-coordinator", agents: 2) { fleet in
            let (site, late) = (fleet.layout.sites[0], fleet.layout.sites[1])
            let file = fleet.layout.directory + "/coordinator.key"
            let (old, stolen) = (try publicKey(file), try CurveKeyPair.read(secretFile: file))
            let scenario = try await Scenario(fleet: fleet, site: site, backup: .command("open go"))
            let job = try await scenario.order()
            try await scenario.reached("backup", 11, job)

            // One is down when the next key is prepared.
            try await kill(late, fleet)
            #expect(try await fleet.bookend("coordinator", "rotate-key", "--switch").status == 4)
            let prepared = try await fleet.json("coordinator", "rotate-key", "--prepare")
            let new = try #require(prepared["next_key"].text)
            #expect(prepared["public_key"].text == old && new != old)
            try await allKnow("coordinator", fleet, but: ["agent/\(late.id)"])
            let refused = try await fleet.bookend("coordinator", "rotate-key", "--switch")
            #expect(refused.status == 4 && refused.errors.contains("agent/\(late.id) would not find"), "\(refused)")
            #expect(try publicKey(file) == old)
            try await start(late, fleet)
            try await allKnow("coordinator", fleet)

            var pids: [pid_t] = []
            for name in ["coordinator", "collector", site.id, late.id] { pids.append(try await fleet.daemon(name).pid) }
            try await switchKey(fleet)
            var status = stat()
            #expect(try publicKey(file) == new && access(file + ".next", F_OK) != 0)
            #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
            try scenario.open("go")
            try await scenario.ended(job)
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            FeedCheck.expectExact(fleet.feed.all)
            for (name, pid) in zip(["coordinator", "collector", site.id, late.id], pids) {
                #expect(try await fleet.daemon(name).pid == pid)
            }
            let audit = try await fleet.json("audit")["entries"].list.filter { $0["what"].text == "server-key.rotate" }
            #expect(audit.map { $0["result"].text } == ["done", "done"], "\(audit)")
            #expect(audit.allSatisfy { $0["target"].text == "coordinator" && $0["detail"].text?.contains(new) == true })

            await fleet.daemon("coordinator").stop()
            try await expectNobodyHears(stolen, fleet.layout.ports.sync, "connected to the coordinator", site, fleet)
            try await fleet.startCoordinator()
            for site in fleet.layout.sites { try await fleet.comesOnline(site) }

            // The configurations still name the first key.
            _ = try await fleet.json("coordinator", "rotate-key", "--prepare")
            try await allKnow("coordinator", fleet)
            try await switchKey(fleet)
            #expect(try ![old, new].contains(publicKey(file)))
            let last = try await scenario.run()
            try await scenario.expect(last, is: 0, Integers(0, 0, 0))
        }
    }

    @Test func `a collector's key changes while a job runs; agents and the coordinator follow, and no report is lost`()
        async throws
    {
        try await RealFleet.with("rotation-collector", agents: 2) { fleet in
            let (site, late) = (fleet.layout.sites[0], fleet.layout.sites[1])
            let file = fleet.layout.directory + "/collector.key"
            let (old, stolen) = (try publicKey(file), try CurveKeyPair.read(secretFile: file))
            let scenario = try await Scenario(fleet: fleet, site: site, backup: .command("open go"))
            let job = try await scenario.order()
            try await scenario.reached("backup", 11, job)

            try await kill(late, fleet)
            let prepared = try await fleet.json("collector", "rotate-key", "--prepare")
            let new = try #require(prepared["next_key"].text)
            try await allKnow("collector", fleet, but: ["agent/\(late.id)"])
            #expect(try await keys("collector", "main", fleet) == [old: "admitted", new: "admitted"])
            let refused = try await fleet.bookend("collector", "rotate-key", "--switch")
            #expect(refused.status == 4 && refused.errors.contains("agent/\(late.id) would not find"), "\(refused)")
            try await start(late, fleet)
            try await allKnow("collector", fleet)

            let (collector, coordinator) = (fleet.daemon("collector"), fleet.daemon("coordinator"))
            let (pid, position, places) = (try await collector.pid, collector.errors.count, coordinator.errors.count)
            let end = try await fleet.bookend("collector", "rotate-key", "--switch")
            #expect(end.status == 0 && end.output.contains(new), "\(end)")
            try await collector.logged("collector is ready", after: position)
            try await coordinator.logged("a key was retired", after: places)
            for site in [site, late] { try await fleet.daemon(site.id).logged("the collector has a new key") }
            #expect(try publicKey(file) == new && access(file + ".next", F_OK) != 0)
            #expect(try await keys("collector", "main", fleet) == [old: "revoked", new: "admitted"])
            #expect(try await fleet.daemon("collector").pid == pid)
            try scenario.open("go")
            try await scenario.ended(job)
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            FeedCheck.expectExact(fleet.feed.all)

            let lines = try await fleet.json("audit")["entries"].list.filter { $0["what"].text == "server-key.rotate" }
            #expect(lines.compactMap { $0["target"].text } == ["collector", "collector"], "\(lines)")
            #expect(lines.allSatisfy { $0["who"].text == "local/\(getuid())" })
            #expect(lines.last?["detail"].text?.contains("key \(new) is used") == true)

            await fleet.daemon("collector").stop()
            try await expectNobodyHears(stolen, fleet.layout.ports.intake, "connected to the collector", site, fleet)
            try await fleet.startCollector()
            try await fleet.daemon(site.id).logged("connected to the collector")

            // The configurations still name the first key, and streams go on under it.
            try await kill(site, fleet)
            try await start(site, fleet)
            let last = try await scenario.run()
            try await scenario.expect(last, is: 0, Integers(0, 0, 0))
            FeedCheck.expectExact(fleet.feed.all)
        }
    }

    /// It has tried so often that each of the keys that it might take for the server's has had its turn.
    private func turnsAway(_ agent: RunningProgram, _ connected: String) async throws {
        let position = agent.errors.count
        var lines: ArraySlice<String> { agent.errors.all.dropFirst(position) }
        try await eventually("four handshakes failed") {
            lines.count { $0.contains("reason=handshakeFailed") } >= 4 || lines.contains { $0.contains(connected) }
        }
        #expect(!lines.contains { $0.contains(connected) })
    }

    /// Somebody has stolen a server's key before it was changed, and takes that server's place while it is down; the agent
    /// was started anew.
    ///
    /// - Parameter connected: What the agent would say if it took him for the server.
    private func expectNobodyHears(
        _ stolen: CurveKeyPair, _ port: UInt16, _ connected: String, _ site: AgentSite, _ fleet: RealFleet
    ) async throws {
        let network = try SocketThread()
        let ring = KeyRing()
        let agentKey = try CurveKeyPair.read(secretFile: keyFile(site)).publicKey
        ring.enroll(EnrolledKey(key: agentKey, identity: try #require(PeerIdentity("agent/\(site.id)"))))
        _ = try await network.open(
            SocketPlan(.router, try Endpoint("tcp://127.0.0.1:\(port)"), .curveServer(stolen, admitting: ring)))
        try await turnsAway(fleet.daemon(site.id), connected)
        await fleet.daemon(site.id).stop()
        try await fleet.start(site)
        try await turnsAway(fleet.daemon(site.id), connected)
        await network.stop()
    }

    @Test func `an operator changes his own key, also when he was interrupted, and the old one is refused`()
        async throws
    {
        try await RealFleet.with("rotation-operator", agents: 1) { fleet in
            let made = try await fleet.json("operator", "token", "create", "--role", "operator", "--name", "alice")
            let home = fleet.layout.directory + "/home"
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: false)
            func alice(_ words: String...) async throws -> Program.End {
                try await Program.run("bookend", words, environment: ["HOME": home])
            }
            #expect(try await alice("login", try #require(made["text"].text)).status == 0)
            let file = home + "/.config/bookend/fleet.key"
            let (old, first) = (home + "/old.key", try publicKey(file))
            try FileManager.default.copyItem(atPath: file, toPath: old)

            let end = try await alice("operator", "rotate-key")
            #expect(end.status == 0 && end.output.contains("operator/alice"), "\(end)")
            let second = try publicKey(file)
            #expect(try await keys("operator", "alice", fleet) == [first: "revoked", second: "admitted"])
            #expect(try await alice("agents").status == 0)
            #expect(try await alice("agents", "--key-file", old).status == 4)
            let shown = try await fleet.json("operator", "show", "alice")
            #expect(Set(shown.all("role")) == [.text("operator")])

            // Interrupted: the coordinator has seen the next key, and the files were not changed yet.
            try FileManager.default.moveItem(atPath: file, toPath: file + ".next")
            try FileManager.default.copyItem(atPath: old, toPath: file)
            #expect(try await alice("agents").status == 4)
            let ended = try await alice("operator", "rotate-key")
            #expect(ended.status == 0, "\(ended)")
            #expect(try publicKey(file) == second && access(file + ".next", F_OK) != 0)
            #expect(try await alice("agents").status == 0)

            // Where no key is needed there is none to change; and nobody but an admin changes an agent's.
            #expect(try await fleet.bookend("operator", "rotate-key").status == 2)
            let agent = try await alice("agent", "rotate-key", "a1")
            #expect(agent.status == 4 && agent.errors.contains("admin"), "\(agent)")
        }
    }

    @Test func `who knocks with a key that nobody admits stands in the audit log, a line a minute`() async throws {
        try await RealFleet.with("strangers-audit", agents: 1) { fleet in
            func lines() async throws -> [JSON] {
                try await fleet.json("audit")["entries"].list.filter { $0["what"].text == "handshake" }
            }
            // The daemons' own knock at their start is no stranger's.
            #expect(try await lines().isEmpty)
            let stranger = try Impostor(fleet.layout, keys: try CurveKeyPair.generate())
            for line in [try await stranger.sync(), try await stranger.intake()] {
                for position in 0..<5 { try await line.isRefused(after: position) }
            }
            await stranger.stop()
            for name in ["coordinator", "collector"] {
                try await fleet.daemon(name).logged("who=stranger/127.0.0.1")
            }
            let all = try await lines()
            #expect(all.count == 1, "\(all)")
            #expect(all[0]["who"].text == "stranger/127.0.0.1" && all[0]["result"].text == "refused")
        }
    }
}
