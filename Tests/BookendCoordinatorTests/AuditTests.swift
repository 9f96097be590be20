import BookendDigest
import BookendModel
import Glibc
import Testing

@testable import BookendCoordinator

/// What the coordinator writes into its audit log, over real sockets.
@Suite(.timeLimit(.minutes(5))) struct AuditTests {
    private func log(_ client: TestPeer) async throws -> [AuditEntry] {
        guard case .audit(let entries) = try await client.ask(.readAudit(AuditFilter())) else {
            throw RemoteFailure(.failed, "no log")
        }
        return entries
    }

    private func lines(_ client: TestPeer) async throws -> [String] {
        try await log(client).map { "\($0.draft.who) \($0.draft.what) \($0.draft.target): \($0.draft.result.rawValue)" }
    }

    @Test func `each change is a line: who, from where, what, and what came of it`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            let local = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            _ = try await alice.apply([.sample(), .sample("weekly")])
            _ = try await alice.apply([.sample()])
            _ = try await alice.ask(.applyPolicies([.sample("weekly", program: "/bin/false")], dryRun: true))
            let job = try await local.backup(.sample(agents: [web1]))[0].trigger.job
            _ = try await alice.ask(.cancel(job))
            _ = try await alice.ask(.deletePolicy(PolicyName(rawValue: "weekly")))
            _ = try await alice.ask(.listAgents)
            let me = "local/\(getuid())"
            #expect(
                try await lines(alice) == [
                    "operator/alice policy.apply policy daily: done", "operator/alice policy.apply policy weekly: done",
                    "\(me) backup.order policy daily: done", "operator/alice job.cancel job \(job): done",
                    "operator/alice policy.delete policy weekly: done",
                ])
            let entries = try await log(alice)
            #expect(entries[0].draft.origin == "127.0.0.1" && entries[0].draft.detail == "created: revision 1")
            #expect(entries[2].draft.origin == "uid \(getuid()), gid \(getgid()), pid \(getpid())")
            #expect(entries[2].draft.detail == "job \(job) on web-1")
            var check = AuditCheck(anchors: []) { SHA256.hash($0).bytes }
            for entry in entries { check.take(entry) }
            check.end()
            #expect(check.findings == [])
            let collector = try await stage.client(as: "collector/main")
            #expect(try await collector.roster().auditHead == entries[4].head)
        }
    }

    @Test func `messages that cannot be read are a line a minute, and so are topics that were refused`() async throws {
        try await CoordinatorStage.with { stage in
            let agent = try await stage.agent("web-1")
            for _ in 1...300 { agent.send(bytes: [255, 255, 255]) }
            try await agent.hello()
            let spy = try await stage.subscriber("web-1", to: ["web-2"])
            let alice = try await stage.client(as: "operator/alice")
            var told: [String] = []
            // The socket tells of topics every two seconds.
            while !told.contains("agent/web-1 topic.subscribe agent/web-2/: refused") { told = try await lines(alice) }
            #expect(told.first == "agent/web-1 message.unreadable : refused")
            await spy.close()
            await stage.stop()
            try await stage.start()
            let entries = try await log(try await stage.client(as: "operator/alice")).map(\.draft).filter {
                $0.what == "message.unreadable"
            }
            let counts = entries.dropFirst().map { Int($0.detail.prefix { $0 != " " }) ?? 0 }
            #expect(1 + counts.reduce(0, +) == 300 && entries.count < 10, "\(entries)")
            #expect(entries.allSatisfy { $0.origin == "127.0.0.1" && $0.result == .refused })
        }
    }

    @Test func `a refused attempt is a line at once, and a thousand more are no thousand lines`() async throws {
        try await CoordinatorStage.with { stage in
            let vera = try await stage.client(as: "operator/vera")
            let begun = ContinuousClock.now
            for _ in 1...1_000 {
                #expect(try await vera.failure(of: .cancel(JobID(rawValue: 7))).code == .refused)
            }
            _ = try await vera.failure(of: .deletePolicy(PolicyName(rawValue: "daily")))
            let minutes = Int((ContinuousClock.now - begun) / .seconds(60))
            let told = try await lines(vera)
            #expect(told.first == "operator/vera job.cancel job 7: refused")
            #expect(told.contains("operator/vera policy.delete policy daily: refused"))
            #expect(told.count <= 2 + minutes, "\(told)")
            // What was counted is written when the minute is over, or at the end.
            await stage.stop()
            try await stage.start()
            let alice = try await stage.client(as: "operator/alice")
            let counted = try await log(alice).map(\.draft).filter {
                $0.what == "job.cancel" && $0.who == "operator/vera"
            }
            let counts = counted.dropFirst().map { Int($0.detail.prefix { $0 != " " }) ?? 0 }
            #expect(counted.allSatisfy { $0.result == .refused } && 1 + counts.reduce(0, +) == 1_000, "\(counted)")
            let last = try #require(counted.last?.detail)
            #expect(last.contains(" times, the last one: operator/vera, a viewer, may not cancel a job"), "\(last)")
        }
    }

    @Test func `what an agent is asked to do is a line before it is asked, and its answer another`() async throws {
        try await CoordinatorStage.with { stage in
            let otto = try await stage.client(as: "operator/otto")
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let restore = AskRequest.restore(
                repository: RepositoryName(rawValue: "main"), snapshot: "abc", target: "/srv/restore", include: [])
            func asked() async throws -> UInt64 {
                try await agent.next { if case .askCall(.open(let id, _, _)) = $0 { id } else { nil } }
            }
            let first = otto.start(.ask(web1, restore))
            var id = try await asked()
            let what = "operator/otto restore.order agent web-1: snapshot abc of main into /srv/restore"
            #expect(try await lines(otto) == ["\(what): begun"])
            let summary = RestoreSummary(status: .failed, reason: "no space", files: 0, bytes: 0)
            for _ in 1...3 { agent.send(.askReply(.chunk(id: id, .restored(summary)))) }
            agent.send(.askReply(.end(id: id, nil)))
            while try await otto.answer(to: first) != .done {}
            #expect(try await lines(otto) == ["\(what): begun", "\(what): failed"])
            #expect(try await log(otto)[1].draft.detail == "1 failed: no space")

            let second = otto.start(.ask(web1, .logs(job: JobID(rawValue: 7), attempt: nil, stage: nil, follow: false)))
            id = try await asked()
            agent.send(.askReply(.end(id: id, nil)))
            #expect(try await otto.answer(to: second) == .done)
            let third = otto.start(.ask(web1, .payDebts(job: JobID(rawValue: 7), attempt: nil)))
            _ = try await asked()
            await agent.close()
            try await stage.agent("web-1").hello()
            guard case .failed = try await otto.answer(to: third) else {
                Issue.record("the question did not end")
                return
            }
            #expect(
                try await lines(otto).suffix(3) == [
                    "operator/otto job.logs agent web-1: job 7: done",
                    "operator/otto debt.pay agent web-1: job 7: begun",
                    "operator/otto debt.pay agent web-1: job 7: failed",
                ])
        }
    }

    @Test func `what a collector refused is a line once, however often it tells`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            let collector = try await stage.client(as: "collector/main")
            var request = RosterRequest(after: 0)
            request.refusals = [
                Refusal(
                    who: "agent/web-2", origin: "192.0.2.9", what: "report", target: "agent web-1", reason: "forged",
                    count: 3)
            ]
            request.refusalsThrough = 1_000
            for _ in 1...3 {
                collector.send(.rosterRequest(request))
                let reply = try await collector.next { if case .rosterReply(let reply) = $0 { reply } else { nil } }
                #expect(reply.refusalsThrough == 1_000)
            }
            let entries = try await log(alice)
            #expect(entries.count == 1)
            #expect(entries[0].draft.who == "agent/web-2" && entries[0].draft.origin == "192.0.2.9")
            #expect(entries[0].draft.detail == "3 times, the last one: told by collector/main: forged")
        }
    }

    @Test func `a key file that is read again, and a revocation, are lines`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            await stage.rewriteKeys { $0.replacing("role=operator", with: "role=viewer") }
            while try await lines(alice).isEmpty {}
            #expect(try await lines(alice).first?.hasPrefix("coordinator keys.reload ") == true)
            _ = try await alice.ask(.revokePeer(try #require(PeerIdentity("agent/web-2"))))
            let entry = try #require(try await log(alice).last?.draft)
            #expect(entry.what == "peer.revoke" && entry.target == "agent/web-2" && entry.result == .done)
            #expect(entry.detail.hasPrefix("agent/web-2 is revoked"))
        }
    }

    @Test func `what somebody did to the table shows with its sequence`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            _ = try await alice.apply((1...12).map { .sample("p\($0)") })
            let collector = try await stage.client(as: "collector/main")
            let head = try #require(try await collector.roster().auditHead)
            #expect(head.sequence == 12)
            await stage.stop()
            try Tampering.run(stage.directory + "/coordinator.sqlite", "DELETE FROM audit WHERE sequence = 4")
            try Tampering.run(stage.directory + "/coordinator.sqlite", "UPDATE audit SET who = 'x' WHERE sequence = 9")
            try Tampering.run(stage.directory + "/coordinator.sqlite", "DELETE FROM audit WHERE sequence = 12")
            try await stage.start()
            let again = try await stage.client(as: "operator/alice")
            let anchor = AuditAnchor(head: head, seenAt: UnixTime(milliseconds: 1))
            var check = AuditCheck(anchors: [anchor]) { SHA256.hash($0).bytes }
            for entry in try await log(again) { check.take(entry) }
            check.end()
            #expect(check.findings == [.missing(4...4), .altered(9), .cutOff(after: 11, anchor)])
            // What is written next takes the number of the one that was cut off: the collector saw another.
            _ = try await again.apply([.sample("p13")])
            check = AuditCheck(anchors: [anchor]) { SHA256.hash($0).bytes }
            for entry in try await log(again) { check.take(entry) }
            check.end()
            #expect(check.findings == [.missing(4...4), .altered(9), .replaced(after: 0, anchor)])
        }
    }
}
