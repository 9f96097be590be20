import BookendModel
import Testing

struct AccessTests {
    /// What each standing may do that the one before it may not, said once more by hand.
    private static let rows: [Standing: Set<String>] = [
        .nobody: [],
        .subscriber: ["job.read", "fleet.read", "feed.read"],
        .viewer: [
            "policy.compare", "policy.list", "policy.show", "agent.list", "slot.list", "schedule.show", "drift.read",
            "hold.list",
            "snapshot.list", "debt.list", "ask.continue", "peer.list", "audit.read", "alert.read", "key.rotate",
            "server-key.show",
        ],
        .operator: [
            "backup.order", "rehearsal.order", "job.cancel", "job.logs", "restore.order", "debt.pay", "debt.forgive",
            "policy.pause", "policy.resume", "agent.maintain", "alert.acknowledge", "alert.resolve", "alert.silence",
            "channel.test", "message.resend", "message.discard",
        ],
        .admin: [
            "policy.apply", "policy.delete", "peer.label", "peer.rename", "peer.approve", "peer.revoke", "token.list",
            "token.create", "token.revoke", "peer.rotate", "server-key.rotate",
        ],
    ]

    @Test(arguments: Deed.allCases) func `a row of the table holds for each standing`(deed: Deed) throws {
        let least = try #require(Self.rows.first { $0.value.contains(deed.rawValue) }?.key, "\(deed) has no row here")
        for standing in Standing.allCases {
            #expect(deed.isAllowed(as: standing) == (standing >= least), "\(standing) \(deed)")
        }
    }

    @Test func `the table here names nothing that there is not`() {
        #expect(Set(Self.rows.values.flatMap(\.self)) == Set(Deed.allCases.map(\.rawValue)))
    }

    @Test func `a refusal names who asked, as what, and the role that it takes`() {
        let viewer = Deed.jobCancel.refusal(of: "operator/vera", as: .viewer)
        #expect(viewer.code == .refused)
        #expect(
            viewer.message
                == "operator/vera, a viewer, may not cancel a job (job.cancel): that takes an operator's key with the role operator"
        )
        let agent = Deed.agentList.refusal(of: "agent/web-1", as: .nobody)
        #expect(
            agent.message
                == "agent/web-1 may not list agents (agent.list): that takes a key that is enrolled as operator/NAME")
        for deed in Deed.allCases where deed.rule.least >= .operator {
            #expect(deed.refusal(of: "x", as: .viewer).message.hasSuffix("with the role \(deed.rule.least.rawValue)"))
        }
    }

    @Test func `an operator without a role is a viewer, and no daemon's key is anything`() throws {
        let alice = try #require(PeerIdentity("operator/alice"))
        #expect(Standing(of: alice, role: nil) == .viewer)
        #expect(OperatorRole.allCases.map { Standing(of: alice, role: $0) } == [.viewer, .operator, .admin])
        for name in ["agent/a", "collector/a", "coordinator/a"] {
            #expect(Standing(of: try #require(PeerIdentity(name)), role: .admin) == .nobody)
        }
        #expect(Standing(of: try #require(PeerIdentity("subscriber/a")), role: .admin) == .subscriber)
    }

    @Test func `reading what scripts printed takes more than reading jobs`() {
        let logs = AskRequest.logs(job: JobID(rawValue: 1), attempt: nil, stage: nil, follow: false)
        #expect(ControlRequest.ask(AgentID(rawValue: "a"), logs).deed.rule.least == .operator)
        #expect(ControlRequest.applyPolicies([], dryRun: true).deed.rule.least == .viewer)
        #expect(ControlRequest.applyPolicies([], dryRun: false).deed.rule.least == .admin)
    }
}

struct RefusalBookTests {
    private func refusal(_ who: String = "operator/bob", _ what: String = "job.cancel", _ target: String = "job 1")
        -> Refusal
    {
        Refusal(who: who, origin: "192.0.2.1", what: what, target: target, reason: "no")
    }

    @Test func `the first of a kind is told at once, the others together after a minute`() {
        var book = RefusalBook()
        let start = BootTime(milliseconds: 1_000)
        #expect(book.note(refusal(), at: start) == refusal())
        for second in 1...40 {
            #expect(
                book.note(refusal("operator/bob", "job.cancel", "job \(second)"), at: start + .seconds(second)) == nil)
        }
        #expect(book.note(refusal("operator/eve"), at: start + .seconds(40))?.who == "operator/eve")
        #expect(book.note(refusal("operator/bob", "restore.order"), at: start + .seconds(40))?.what == "restore.order")
        #expect(book.due(at: start + .seconds(59)) == [])
        var expected = refusal("operator/bob", "job.cancel", "job 40")
        expected.count = 40
        #expect(book.due(at: start + .seconds(60)) == [expected])
        #expect(book.note(refusal(), at: start + .seconds(61)) == nil)
        #expect(book.total == 44)
        #expect(book.drain() == [refusal()])
    }

    @Test func `a minute without a refusal, and the next one is told at once again`() {
        var book = RefusalBook()
        let start = BootTime(milliseconds: 1_000)
        _ = book.note(refusal(), at: start)
        #expect(book.due(at: start + .seconds(60)) == [])
        #expect(book.note(refusal(), at: start + .seconds(61)) == refusal())
    }

    @Test func `however many there are, they are bounded, and none goes uncounted`() {
        var book = RefusalBook()
        let start = BootTime(milliseconds: 1_000)
        var told: Int64 = 0
        for number in 1...5_000 { told += book.note(refusal("operator/\(number)"), at: start)?.count ?? 0 }
        #expect(told == Int64(book.limit) + 1)
        told += book.due(at: start + .seconds(60)).reduce(0) { $0 + $1.count }
        #expect(told == 5_000)
    }
}
