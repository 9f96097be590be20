import BookendModel
import Testing

@Suite struct PeerBookTests {
    private let start = UnixTime(milliseconds: 1_800_000_000_000)
    private let web1 = PeerIdentity(role: .agent, name: "web-1")

    private func key(_ number: Int) -> PublicKey {
        let digits = String(number)
        return PublicKey(checking: String(repeating: "0", count: 40 - digits.count) + digits)!
    }

    private func fromFile(_ number: Int, _ name: String) -> Peer {
        Peer(identity: PeerIdentity(name)!, key: key(number), labels: ["site": "file"], origin: .keyFile)
    }

    private func fromToken(_ number: Int, _ name: String, _ state: Peer.State = .admitted) -> Peer {
        Peer(
            identity: PeerIdentity(name)!, key: key(number), state: state, origin: .token(TokenID(rawValue: 1)),
            generation: Int64(number), changedAt: start)
    }

    private func token(uses: Int = 1, needsApproval: Bool = false, name: String? = nil) -> EnrollmentToken {
        EnrollmentToken(
            id: TokenID(rawValue: 1),
            allows: TokenDraft(
                peerRole: .agent, name: name, labels: ["site": "north"], uses: uses, lifetime: .seconds(60)),
            usesLeft: uses, needsApproval: needsApproval, madeAt: start, madeBy: "operator/alice")
    }

    private func request(_ name: String? = "web-1") -> EnrollRequest {
        EnrollRequest(token: TokenID(rawValue: 1), secret: [], name: name)
    }

    // MARK: Who is admitted

    @Test func `the file and the store together are admitted, and nobody who waits or was revoked`() {
        var book = PeerBook(recorded: [
            fromToken(3, "agent/web-3"), fromToken(4, "agent/web-4", .pending), fromToken(5, "agent/web-5", .revoked),
        ])
        book.take(file: [fromFile(1, "agent/web-1"), fromFile(2, "collector/main")])
        #expect(book.admitted.map(\.identity.name) == ["web-1", "web-3", "main"])
        #expect(book.all.count == 5)
    }

    @Test func `a name that stands in the file is the file's`() {
        var book = PeerBook(recorded: [fromToken(3, "agent/web-1")])
        #expect(book.admitted.map(\.key) == [key(3)])
        book.take(file: [fromFile(1, "agent/web-1")])
        #expect(book.admitted.map(\.key) == [key(1)])
    }

    @Test func `a revoked key outranks the file, and its name can be enrolled anew`() throws {
        var book = PeerBook()
        book.take(file: [fromFile(1, "agent/web-1")])
        let revoked = try book.plan(revoking: web1, by: "local", at: start)
        #expect(revoked.map(\.key) == [key(1)] && revoked.map(\.state) == [.revoked])
        book.take(revoked)
        #expect(book.admitted == [] && book[key(1)]?.state == .revoked)
        book.take(file: [fromFile(1, "agent/web-1")])
        #expect(book.admitted == [])
        guard case .new(let peer, _) = book.judge(request(), of: key(2), with: token(), at: start) else {
            Issue.record("it was not enrolled")
            return
        }
        book.take([peer])
        #expect(book.admitted.map(\.key) == [key(2)])
    }

    @Test func `a revoked key never comes back`() {
        var book = PeerBook(recorded: [fromToken(1, "agent/web-1", .revoked)])
        book.take([fromToken(1, "agent/web-1", .admitted)])
        #expect(book[key(1)]?.state == .revoked)
        guard case .refused(let failure) = book.judge(request(), of: key(1), with: token(), at: start) else {
            Issue.record("a revoked key was enrolled")
            return
        }
        #expect(failure.message.contains("revoked"))
    }

    @Test func `changes come in the order of their generations, page by page`() {
        let book = PeerBook(recorded: (1...5).reversed().map { fromToken($0, "agent/web-\($0)") })
        let first = book.changes(after: 1, limit: 2)
        #expect(first.peers.map(\.generation) == [2, 3] && first.through == 3)
        #expect(book.changes(after: 3, limit: 9).peers.map(\.generation) == [4, 5])
        #expect(book.changes(after: 5, limit: 9).through == 5)
    }

    @Test func `a page of changes fits one message, whatever labels there are`() {
        let labels = Dictionary(
            uniqueKeysWithValues: (0..<64).map { ("key-\($0)", String(repeating: "x", count: 128)) })
        let peers = (1...300).map { number in
            var peer = fromToken(number, "agent/web-\(number)")
            peer.labels = labels
            return peer
        }
        let book = PeerBook(recorded: peers)
        var (through, seen) = (Int64(0), 0)
        while true {
            let page = book.changes(after: through, limit: 1_000)
            guard !page.peers.isEmpty else { break }
            #expect(page.peers.count < 150)
            (through, seen) = (page.through, seen + page.peers.count)
        }
        #expect(seen == 300 && through == 300)
    }

    // MARK: What operators change

    @Test func `labels are set and taken away, and those of the file are the file's`() throws {
        var book = PeerBook(recorded: [fromToken(1, "agent/web-1")])
        let labelled = try book.plan(
            labelling: web1, with: ["rack": "7", "site": "north"], without: [], by: "local", at: start)
        book.take(labelled)
        let fewer = try book.plan(labelling: web1, with: [:], without: ["rack"], by: "local", at: start)
        #expect(fewer.map(\.labels) == [["site": "north"]])
        #expect(throws: RemoteFailure.self) {
            try book.plan(labelling: web1, with: ["a b": "c"], without: [], by: "local", at: start)
        }
        book.take(file: [fromFile(2, "agent/web-2")])
        #expect(throws: RemoteFailure.self) {
            try book.plan(
                labelling: PeerIdentity(role: .agent, name: "web-2"), with: ["a": "b"], without: [], by: "local",
                at: start)
        }
    }

    @Test func `who waits is approved once, and can be renamed until then`() throws {
        var book = PeerBook(recorded: [fromToken(1, "agent/web-1", .pending), fromToken(2, "agent/web-2")])
        let renamed = try book.plan(renaming: web1, to: "web-9", by: "local", at: start)
        #expect(renamed.map(\.identity.description) == ["agent/web-9"])
        #expect(throws: RemoteFailure.self) { try book.plan(renaming: web1, to: "web-2", by: "local", at: start) }
        let approved = try book.plan(approving: web1, by: "local", at: start)
        #expect(approved.map(\.state) == [.admitted])
        book.take(approved)
        #expect(throws: RemoteFailure.self) { try book.plan(approving: web1, by: "local", at: start) }
        #expect(throws: RemoteFailure.self) { try book.plan(renaming: web1, to: "web-9", by: "local", at: start) }
    }

    @Test func `who is not there, or is revoked already, is not revoked again`() {
        let book = PeerBook(recorded: [fromToken(1, "agent/web-1", .revoked)])
        for name in ["web-1", "web-7"] {
            let error = #expect(throws: RemoteFailure.self) {
                try book.plan(revoking: PeerIdentity(role: .agent, name: name), by: "local", at: start)
            }
            #expect(error?.code == .notFound)
        }
    }

    // MARK: Enrollment

    @Test func `a token admits as many as it says, each under its own name and with the token's labels`() {
        var book = PeerBook()
        var token = token(uses: 2)
        for number in 1...2 {
            guard
                case .new(let peer, let used) = book.judge(
                    request("web-\(number)"), of: key(number), with: token, at: start)
            else {
                Issue.record("use \(number) was refused")
                return
            }
            #expect(peer.state == .admitted && peer.labels == ["site": "north"] && peer.key == key(number))
            book.take([peer], token: used)
            token = used
        }
        #expect(token.usesLeft == 0 && !token.isLive(at: start))
        #expect(refusal(book.judge(request("web-3"), of: key(3), with: token, at: start))?.contains("2 times") == true)
        // The answer was lost: it asks again, also when the token is used up and expired.
        guard case .known(let again) = book.judge(request("web-1"), of: key(1), with: token, at: start + .seconds(90))
        else {
            Issue.record("who was let in was not known")
            return
        }
        #expect(again.identity == web1)
    }

    @Test func `whatever is wrong with a token refuses`() {
        var book = PeerBook(recorded: [fromToken(9, "agent/taken")])
        let good = token()
        #expect(refusal(book.judge(request(), of: key(1), with: nil, at: start)) != nil)
        #expect(
            refusal(book.judge(request(), of: key(1), with: good, at: start + .seconds(60)))?.contains("expired")
                == true)
        var revoked = good
        revoked.isRevoked = true
        #expect(refusal(book.judge(request(), of: key(1), with: revoked, at: start))?.contains("revoked") == true)
        #expect(refusal(book.judge(request("taken"), of: key(1), with: good, at: start))?.contains("taken") == true)
        #expect(refusal(book.judge(request("../etc"), of: key(1), with: good, at: start)) != nil)
        #expect(refusal(book.judge(request(nil), of: key(1), with: good, at: start)) != nil)
        // Somebody else's key, enrolled by other means.
        book.take(file: [fromFile(1, "agent/web-7")])
        #expect(refusal(book.judge(request(), of: key(1), with: good, at: start))?.contains("web-7") == true)
    }

    @Test func `a token that gives a name gives no other, and one with approval lets nobody in`() {
        let book = PeerBook()
        guard
            case .new(let peer, _) = book.judge(
                request("evil"), of: key(1), with: token(needsApproval: true, name: "web-1"), at: start)
        else {
            Issue.record("it was refused")
            return
        }
        #expect(peer.identity == web1 && peer.state == .pending)
    }

    @Test func `the gate is open while somebody could be let in, and no longer`() {
        var book = PeerBook()
        #expect(!book.isGateOpen(at: start))
        var used = token()
        book.take([], token: used)
        #expect(book.isGateOpen(at: start) && !book.isGateOpen(at: start + .seconds(60)))
        // Used up: the answer may have been lost.
        used.usesLeft = 0
        book.take([fromToken(1, "agent/web-1")], token: used)
        #expect(book.isGateOpen(at: start + .seconds(599)) && !book.isGateOpen(at: start + .seconds(600)))
        // Waits for an operator, for as long as it takes.
        book.take([fromToken(1, "agent/web-1", .pending)])
        #expect(book.isGateOpen(at: start + .seconds(86_400)))
        used.isRevoked = true
        book.take([], token: used)
        #expect(!book.isGateOpen(at: start))
    }

    @Test(arguments: [
        TokenDraft(peerRole: .coordinator), TokenDraft(peerRole: .operator),
        TokenDraft(peerRole: .agent, operatorRole: .admin), TokenDraft(peerRole: .agent, uses: 0),
        TokenDraft(peerRole: .agent, lifetime: .seconds(31 * 86_400)), TokenDraft(peerRole: .agent, name: "a b"),
        TokenDraft(peerRole: .agent, name: "web-1", uses: 2), TokenDraft(peerRole: .agent, labels: ["": "x"]),
    ]) func `a token that makes no sense is not made`(draft: TokenDraft) {
        #expect(draft.problem != nil)
        #expect(throws: RemoteFailure.self) {
            try PeerBook().plan(draft, secretDigest: [], needsApproval: false, by: "local", at: start)
        }
    }

    private func refusal(_ outcome: PeerBook.Enrollment) -> String? {
        if case .refused(let failure) = outcome { failure.message } else { nil }
    }
}
