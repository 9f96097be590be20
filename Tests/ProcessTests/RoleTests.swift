import BookendModel
import Foundation
import Glibc
import Testing

/// What an operator's key may do, and what an agent's may not, with the real programs over TCP with CURVE.
@Suite(.timeLimit(.minutes(60))) struct RoleTests {
    /// Operators by their roles, as `bookend` sees them.
    private struct Operators {
        let fleet: RealFleet
        let publicKey: String

        init(_ fleet: RealFleet, _ roles: [String: String]) async throws {
            self.fleet = fleet
            let directory = fleet.layout.directory
            let keys = directory + "/keys"
            var lines = try String(contentsOfFile: keys, encoding: .utf8)
            publicKey = String(
                try #require(lines.split(separator: "\n").first { $0.hasSuffix("coordinator/main") }).prefix(40))
            for (name, role) in roles {
                let end = try await Program.run(
                    "bookend-coordinator", ["keygen", "--out", "\(directory)/\(name).key"])
                let key = try #require(end.output.split(separator: "\n").first)
                lines += "\(key) operator/\(name)\(role.isEmpty ? "" : " role=\(role)")\n"
            }
            let position = fleet.daemon("coordinator").errors.count
            try fleet.layout.write(lines, to: keys + ".new")
            rename(keys + ".new", keys)
            try await fleet.daemon("coordinator").logged("the key file was read again", after: position)
        }

        func bookend(as name: String, _ words: String...) async throws -> Program.End {
            try await Program.run(
                "bookend",
                words + [
                    "--coordinator", "tcp://127.0.0.1:\(fleet.layout.ports.sync)?\(publicKey)",
                    "--key-file", "\(fleet.layout.directory)/\(name).key",
                ], environment: fleet.environment)
        }
    }

    @Test func `a viewer sees, an operator runs, an admin changes`() async throws {
        try await RealFleet.with("roles", agents: 1) { fleet in
            let people = try await Operators(
                fleet, ["vera": "viewer", "otto": "operator", "alice": "admin", "new": ""])
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: "echo a-secret\nopen gate")
            let file = "\(fleet.layout.directory)/\(scenario.policy).yaml"
            let job = try await scenario.order()
            try await scenario.reached("pre-script", 11, job)

            for name in ["vera", "new"] {
                #expect(try await people.bookend(as: name, "agents").status == 0)
                #expect(try await people.bookend(as: name, "policy", "diff", file).status == 0)
                let cancel = try await people.bookend(as: name, "cancel", "\(job)")
                #expect(cancel.status == 4)
                #expect(
                    cancel.errors.contains(
                        "operator/\(name), a viewer, may not cancel a job (job.cancel): that takes an operator's key with the role operator"
                    ), "\(cancel)")
                let logs = try await people.bookend(as: name, "logs", "\(job)")
                #expect(logs.status == 4 && logs.errors.contains("with the role operator"), "\(logs)")
                #expect(!logs.output.contains("a-secret"))
                #expect(try await people.bookend(as: name, "backup", scenario.policy).status == 4)
                let rehearsal = try await people.bookend(
                    as: name, "rehearse", scenario.policy, "--agent", scenario.site.id)
                #expect(rehearsal.status == 4 && rehearsal.errors.contains("rehearsal.order"), "\(rehearsal)")
            }
            for (words, role) in [
                (["policy", "apply", file], "admin"), (["policy", "delete", scenario.policy], "admin"),
            ] {
                let end = try await people.bookend(as: "otto", words[0], words[1], words[2])
                #expect(end.status == 4 && end.errors.contains("with the role \(role)"), "\(end)")
            }
            #expect(try await people.bookend(as: "otto", "logs", "\(job)").output.contains("a-secret"))
            #expect(try await people.bookend(as: "otto", "cancel", "\(job)").status == 0)
            try scenario.open("gate")
            try await scenario.ended(job)
            try await scenario.expect(job, is: 6, Integers(0, 6, 0))
            #expect(try await people.bookend(as: "alice", "policy", "delete", scenario.policy).status == 0)

            let lines = try await fleet.json("audit", "--limit", "1000")["entries"].list
            func count(_ who: String, _ what: String, _ result: String) -> Int {
                lines.count { $0["who"].text == who && $0["what"].text == what && $0["result"].text == result }
            }
            #expect(count("operator/vera", "job.cancel", "refused") == 1)
            #expect(count("operator/otto", "policy.apply", "refused") == 1)
            #expect(count("operator/otto", "job.cancel", "done") == 1)
            #expect(count("operator/otto", "job.logs", "done") == 1)
            #expect(count("operator/alice", "policy.delete", "done") == 1)
            #expect(count("local/\(getuid())", "backup.order", "done") == 1)
            #expect(lines.first { $0["who"].text == "operator/vera" }?["from"].text == "127.0.0.1")
        }
    }

    @Test func `an agent that speaks for another is not believed, and stands in the audit log`() async throws {
        try await RealFleet.with("forgers", agents: 2) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0], pre: "open gate")
            let job = try await scenario.order()
            try await scenario.reached("pre-script", 11, job)

            // a2's key, in wrong hands.
            let thief = try Impostor(fleet.layout, keyFile: fleet.layout.sites[1].directory + "/agent.key")
            let (sync, intake) = (try await thief.sync(), try await thief.intake())
            for line in [sync, intake] { try await line.connects() }
            let trigger = ReportedTrigger(
                job: JobID(rawValue: job), policy: PolicyName(rawValue: scenario.policy), revision: 1, cause: .manual,
                scheduledStart: UnixTime(milliseconds: 1))
            let lie = Report(
                origin: ReportOrigin(agent: AgentID(rawValue: "a1"), incarnation: 77, sequence: 1), trigger: trigger,
                attempt: 1, stage: nil, status: .successful, at: UnixTime(milliseconds: 2))
            for _ in 1...20 {
                intake.send(
                    .intake(
                        .batch(IntakeBatch(incarnation: 77, after: ReportDigest(rawValue: 1), reports: [lie]))))
                intake.send(
                    .progress(
                        Progress(
                            job: JobID(rawValue: job), agent: AgentID(rawValue: "a1"),
                            policy: PolicyName(rawValue: scenario.policy), attempt: 1, stage: .backup, bytesDone: 1,
                            bytesTotal: 1, filesDone: 1, filesTotal: 1, at: UnixTime(milliseconds: 3))))
                sync.send(.cancelAck(JobID(rawValue: job)))
                sync.send(.control(request: 1, .cancel(JobID(rawValue: job))))
            }
            let refusal = try await sync.next("the refusal") {
                if case .controlReply(_, .failed(let failure)) = $0 { failure } else { nil }
            }
            #expect(refusal.code == .refused && refusal.message.hasPrefix("agent/a2 may not cancel a job"))
            try await fleet.daemon("collector").logged("what=report who=agent/a2")
            #expect(try await fleet.job(job).status == 11)
            try scenario.open("gate")
            try await scenario.ended(job)
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            await thief.stop()

            var found: Set<String> = []
            let wanted: Set<String> = ["report", "progress", "acknowledgement", "job.cancel"]
            for _ in 1...200 where found != wanted {
                let lines = try await fleet.json("audit", "--who", "agent/a2")["entries"].list
                found = Set(lines.compactMap(\.["what"].text))
                #expect(lines.count <= wanted.count && lines.allSatisfy { $0["result"].text == "refused" })
            }
            #expect(found == wanted)
        }
    }

    @Test func `contexts are listed, shown and chosen, and what else stands in the file stays`() async throws {
        let directory = try SafePlace.make("contexts")
        defer { try? FileManager.default.removeItem(atPath: directory) }  // a test's rubbish
        let folder = directory + "/.config/bookend"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let key = String(repeating: "0", count: 40)
        let text = """
            # my fleets
            contexts:
              office: # the big one
                coordinator: {endpoint: "tcp://bookend.example.org:7502", public_key: "\(key)"}
                key_file: /home/me/key

            """
        let file = folder + "/config.yaml"
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        chmod(file, 0o640)
        func bookend(_ words: String...) async throws -> Program.End {
            try await Program.run("bookend", ["context"] + words, environment: ["HOME": directory])
        }
        #expect(try await bookend("list").output.contains("*  default"))
        #expect(try await bookend("use", "office").status == 0)
        let list = try await bookend("list").output
        #expect(list.contains("*  office   tcp://bookend.example.org:7502"), "\(list)")
        #expect(try await bookend("show").output.contains("key file     /home/me/key"))
        #expect(try await bookend("show", "default").output.contains("/run/bookend-coordinator/coordinator.sock"))
        let changed = try String(contentsOfFile: file, encoding: .utf8)
        #expect(changed == text.replacing("# my fleets\n", with: "# my fleets\ncurrent_context: \"office\"\n"))
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o640)
        #expect(try await bookend("use", "default").status == 0)
        #expect(
            try String(contentsOfFile: file, encoding: .utf8) == changed.replacing("office\"\n", with: "default\"\n"))
        let unknown = try await bookend("use", "offcie")
        #expect(unknown.status == 4 && unknown.errors.contains("it has default, office"), "\(unknown)")
        #expect(try await bookend("show", "offcie").status == 4)
    }
}
