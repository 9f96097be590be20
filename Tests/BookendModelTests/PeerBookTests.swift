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
            book.take([peer], tokens: [used])
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
        book.take([], tokens: [used])
        #expect(book.isGateOpen(at: start) && !book.isGateOpen(at: start + .seconds(60)))
        // Used up: the answer may have been lost.
        used.usesLeft = 0
        book.take([fromToken(1, "agent/web-1")], tokens: [used])
        #expect(book.isGateOpen(at: start + .seconds(599)) && !book.isGateOpen(at: start + .seconds(600)))
        // Waits for an operator, for as long as it takes.
        book.take([fromToken(1, "agent/web-1", .pending)])
        #expect(book.isGateOpen(at: start + .seconds(86_400)))
        used.isRevoked = true
        book.take([], tokens: [used])
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

    // MARK: Rotation

    private func recorded(_ peers: [Peer], from generation: Int64) -> [Peer] {
        peers.enumerated().map { index, peer in
            var peer = peer
            peer.generation = generation + Int64(index)
            return peer
        }
    }

    @Test(arguments: [true, false]) func `a next key is admitted beside the present one, until it is used`(
        isInFile: Bool
    ) throws {
        var book = PeerBook(recorded: isInFile ? [] : [fromToken(1, "agent/web-1")])
        if isInFile { book.take(file: [fromFile(1, "agent/web-1")]) }
        let next = try book.plan(rotating: web1, to: key(2), by: "operator/alice", at: start)
        #expect(next.map(\.key) == [key(2)] && next[0].origin == .rotation(of: key(1)))
        #expect(next[0].labels == book[key(1)]?.labels)
        book.take(recorded(next, from: 2))
        #expect(Set(book.admitted.map(\.key)) == [key(1), key(2)])
        #expect(book.successors == [key(2): key(1)])
        // The same again changes nothing.
        #expect(try book.plan(rotating: web1, to: key(2), by: "operator/alice", at: start).isEmpty)
        #expect(book.plan(using: key(1), at: start).isEmpty)

        let retired = book.plan(using: key(2), at: start)
        #expect(retired.map(\.key) == [key(1)] && retired[0].state == .revoked)
        #expect(retired[0].changedBy == "agent/web-1 (rotated)")
        book.take(recorded(retired, from: 3))
        #expect(book.admitted.map(\.key) == [key(2)] && book.successors.isEmpty)
        #expect(book.plan(using: key(2), at: start).isEmpty)

        // Once more; and the file, read again, changes nothing.
        book.take(recorded(try book.plan(rotating: web1, to: key(3), by: "x", at: start), from: 4))
        book.take(recorded(book.plan(using: key(3), at: start), from: 5))
        if isInFile { book.take(file: [fromFile(1, "agent/web-1")]) }
        #expect(book.admitted.map(\.key) == [key(3)])
    }

    @Test func `a collector that has both halves of a rotation, in whatever order, lets in who is let in`() throws {
        var book = PeerBook()
        book.take(file: [fromFile(1, "agent/web-1")])
        let next = recorded(try book.plan(rotating: web1, to: key(2), by: "x", at: start), from: 1)
        book.take(next)
        let retired = recorded(book.plan(using: key(2), at: start), from: 2)
        for changes in [next + retired, retired + next] {
            var other = PeerBook(recorded: changes)
            other.take(file: [fromFile(1, "agent/web-1")])
            #expect(other.admitted.map(\.key) == [key(2)])
        }
        var half = PeerBook(recorded: next)
        #expect(half.admitted.map(\.key) == [key(2)], "who has no key file has the recorded ones")
        half.take(file: [fromFile(1, "agent/web-1")])
        #expect(half.admitted.count == 2)
    }

    @Test func `a next key that never came gives way to another one, and both go when the peer is revoked`() throws {
        var book = PeerBook(recorded: [fromToken(1, "agent/web-1")])
        book.take(recorded(try book.plan(rotating: web1, to: key(2), by: "x", at: start), from: 2))
        let again = try book.plan(rotating: web1, to: key(3), by: "x", at: start)
        #expect(again.map(\.key) == [key(3)] && again.map(\.state) == [.admitted])
        #expect(book.abandoned(by: again) == [key(2)])
        book.take(recorded(again, from: 3))
        #expect(book.successors == [key(3): key(1)] && book[key(2)] == nil)
        // A collector that missed it has the other one go when it hears of this one, whichever comes first.
        for keys in [[key(2), key(3)], [key(3), key(2)]] {
            let told = keys.map { key in
                Peer(
                    identity: web1, key: key, origin: .rotation(of: self.key(1)), generation: key == self.key(2) ? 2 : 3
                )
            }
            #expect(PeerBook.abandoned(among: told) == [key(2)])
            #expect(PeerBook(recorded: [fromToken(1, "agent/web-1")] + told).admitted.map(\.key) == [key(1), key(3)])
        }
        book.take(try book.plan(revoking: web1, by: "x", at: start))
        #expect(book.admitted.isEmpty && book.successors.isEmpty)
    }

    @Test func `a peer that changes its key again and again fills nothing, and nobody is kept from enrolling`() throws {
        var book = PeerBook(recorded: [fromToken(1, "operator/vera")])
        let vera = PeerIdentity(role: .operator, name: "vera")
        for number in 2...300 {
            let next = try book.plan(rotating: vera, to: key(number), by: "operator/vera", at: start)
            book.take(recorded(next, from: Int64(number)))
        }
        #expect(book.all.count == 2 && Set(book.admitted.map(\.key)) == [key(1), key(300)])
        // One that was used is not forgotten: its place was taken by nobody but the next of its own.
        book.take(recorded(book.plan(using: key(300), at: start), from: 301))
        let next = try book.plan(rotating: vera, to: key(301), by: "operator/vera", at: start)
        #expect(book.abandoned(by: next).isEmpty)
        book.take(recorded(next, from: 302))
        #expect(Set(book.admitted.map(\.key)) == [key(300), key(301)] && book[key(1)]?.state == .revoked)
    }

    @Test func `who changes its own key does so once a minute, and hears when it may again`() throws {
        var book = PeerBook(recorded: [fromToken(1, "operator/vera"), fromToken(9, "operator/otto")])
        let (vera, pace) = (PeerIdentity(role: .operator, name: "vera"), PeerBook.ownRotationPace)
        func rotate(_ number: Int, after seconds: Int) throws -> [Peer] {
            try book.plan(rotating: vera, to: key(number), pace: pace, by: "x", at: start + .seconds(seconds))
        }
        book.take(recorded(try rotate(2, after: 0), from: 10))
        let failure = #expect(throws: RemoteFailure.self) { try rotate(3, after: 20) }
        #expect(failure?.code == .unavailable && failure?.message.hasSuffix("ask again in 41 s") == true)
        // Using it makes no difference; asking for the same one again is no other one; another peer is not held up.
        book.take(recorded(book.plan(using: key(2), at: start + .seconds(30)), from: 11))
        #expect(throws: RemoteFailure.self) { try rotate(3, after: 59) }
        #expect(try rotate(2, after: 59).isEmpty)
        let other = PeerIdentity(role: .operator, name: "otto")
        #expect(try book.plan(rotating: other, to: key(8), pace: pace, by: "x", at: start).count == 1)
        // A clock that went back holds nobody up.
        #expect(try rotate(3, after: 60).count == 1 && rotate(3, after: -1).count == 1)
    }

    @Test func `nobody's next key is somebody else's, or one that was revoked, and who waits has none`() throws {
        let book = PeerBook(recorded: [
            fromToken(1, "agent/web-1"), fromToken(2, "operator/alice"), fromToken(3, "agent/web-3", .revoked),
            fromToken(4, "agent/web-4", .pending),
        ])
        for number in [2, 3] {
            let error = #expect(throws: RemoteFailure.self) {
                try book.plan(rotating: web1, to: key(number), by: "x", at: start)
            }
            #expect(error?.code == .refused)
        }
        for name in ["web-3", "web-4", "web-9"] {
            #expect(throws: RemoteFailure.self) {
                try book.plan(rotating: PeerIdentity(role: .agent, name: name), to: key(9), by: "x", at: start)
            }
        }
    }

    // MARK: Upkeep

    @Test func `tokens are forgotten ninety days after their end, but for the newest and those that are waited for`() {
        var tokens = (1...5).map { number in
            var token = token()
            token.id = TokenID(rawValue: Int64(number))
            return token
        }
        tokens[2].madeAt = start + .seconds(86_400)
        let waiting = Peer(
            identity: web1, key: key(1), state: .pending, origin: .token(TokenID(rawValue: 2)), generation: 1)
        var book = PeerBook(recorded: [waiting], tokens: tokens)
        let end = start + .seconds(60) + PeerBook.tokenRetention
        #expect(book.prunableTokens(at: end + .milliseconds(-1), limit: 10).isEmpty)
        #expect(book.prunableTokens(at: end, limit: 10).map(\.rawValue) == [1, 4])
        #expect(book.prunableTokens(at: end, limit: 1).map(\.rawValue) == [1])
        book.forget(book.prunableTokens(at: end, limit: 10))
        #expect(book.tokens.keys.map(\.rawValue).sorted() == [2, 3, 5])
        #expect(book.prunableTokens(at: end, limit: 10).isEmpty)
    }

    @Test func `with the gate's key go the tokens with which somebody may still come, and no others`() {
        var tokens = (1...5).map { number in
            var token = token()
            token.id = TokenID(rawValue: Int64(number))
            return token
        }
        tokens[1].usesLeft = 0
        tokens[2].usesLeft = 0
        tokens[3].isRevoked = true
        tokens[4].allows.lifetime = .seconds(1)
        let waiting = Peer(
            identity: web1, key: key(1), state: .pending, origin: .token(TokenID(rawValue: 2)), generation: 1)
        var book = PeerBook(recorded: [waiting], tokens: tokens)
        let now = start + .seconds(5)
        #expect(book.isGateOpen(at: now))
        let revoked = book.planRevokingOpenTokens(at: now)
        #expect(revoked.map(\.id.rawValue) == [1, 2] && revoked.allSatisfy(\.isRevoked))
        book.take([], tokens: revoked)
        #expect(!book.isGateOpen(at: now) && book.planRevokingOpenTokens(at: now).isEmpty)
    }

    @Test func `only so many tokens are open at once, and the refusal says what to do`() throws {
        var book = PeerBook()
        func another() throws -> EnrollmentToken {
            try book.plan(
                TokenDraft(peerRole: .agent, lifetime: .seconds(60)), secretDigest: [], needsApproval: false, by: "x",
                at: start)
        }
        for _ in 1...1_000 { book.take([], tokens: [try another()]) }
        let error = #expect(throws: RemoteFailure.self) { try another() }
        #expect(error?.code == .refused && error?.message.contains("revoke those that are not needed") == true)
        book.take([], tokens: [try book.plan(revoking: TokenID(rawValue: 1))])
        #expect(try another().id.rawValue == 1_001)
    }
}
