import BookendModel
import BookendTransport
import Glibc
import Logging

/// The coordinator's own key, and while it is rotated the one that follows it.
struct OwnKey: Sendable {
    let present: PublicKey
    fileprivate(set) var next: PublicKey?
    /// The next key has taken the present one's place: from the next start on.
    fileprivate(set) var isReplaced = false
    /// With the change: open tokens name the key of the gate before.
    fileprivate var revokedTokens = 0
    /// `nil`: the key is in no file, and stays.
    fileprivate let file: NextKeyFile?
    /// Where the key of the gate of enrollment lies, if there is one; it is changed with this one.
    private let gateFile: NextKeyFile?

    /// - Throws: ``TransportError`` when there is a next key that cannot be read.
    init(_ present: CurveKey, file: NextKeyFile?, gateFile: NextKeyFile? = nil) throws(TransportError) {
        self.present = PublicKey(present)
        self.file = file
        self.gateFile = gateFile
        next = try file?.read().map { PublicKey($0.publicKey) }
    }

    /// The gate's key first: whoever has a copy of the one is taken to have one of the other.
    fileprivate func replace() throws(TransportError) {
        if let gateFile, access(gateFile.present, F_OK) == 0 {
            unlink(gateFile.path)  // of a change that broke off: it may be known, too
            _ = try gateFile.make()
            try gateFile.promote()
        }
        try file?.promote()
    }
}

extension Coordinator {
    func answer(_ step: ServerKeyStep, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        switch step {
        case .show: break
        case .prepare: try prepareKey(client, now)
        case .use(let isForced): try useNextKey(isForced: isForced, client, now)
        }
        reply(.serverKey(keyState), to: client)
    }

    private var keyState: ServerKeyState {
        let all = peersToInform
        let uninformed = all.filter { !$0.isInformed }.map(\.identity)
        return ServerKeyState(
            key: ownKey.present, next: ownKey.next, informed: all.count - uninformed.count, uninformed: uninformed,
            isInUse: ownKey.isReplaced, revokedTokens: ownKey.revokedTokens)
    }

    /// Agents and collectors, in order: they come back by themselves if they know the next key.
    private var peersToInform: [(identity: PeerIdentity, isInformed: Bool)] {
        guard let next = ownKey.next else { return [] }
        var peers: [(identity: PeerIdentity, isInformed: Bool)] = []
        for agent in book.agents.keys {
            let identity = PeerIdentity(role: .agent, name: agent.rawValue)
            peers.append((identity, machine.presence.serverKey(of: agent) == next))
        }
        for collector in Set(book.admitted.map(\.identity)) where collector.role == .collector {
            peers.append((collector, news.serverKey(of: collector) == next))
        }
        return peers.sorted { $0.identity < $1.identity }
    }

    /// Those that are there hear of it at once.
    private func prepareKey(_ client: Client, _ now: Moment) throws(RemoteFailure) {
        guard ownKey.next == nil else { return }
        guard let file = ownKey.file else {
            throw RemoteFailure(.failed, "this coordinator's key is in no file: no key can be put in its place")
        }
        let key: PublicKey
        do throws(TransportError) {
            key = PublicKey(try file.make().publicKey)
        } catch {
            throw RemoteFailure(.failed, "no next key could be made: \(error.message)")
        }
        try writeDown([client.audit(.done, "next key \(key)")], now)
        ownKey.next = key
        logger.notice("the coordinator has a next key", metadata: ["key": "\(key)", "by": "\(client.author)"])
        perform(machine.handle(.nextKeyPrepared(key), at: now), now)
    }

    private func useNextKey(isForced: Bool, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        let state = keyState
        if let problem = state.problem(isForced: isForced, daemon: "coordinator") { throw problem }
        guard let next = state.next, ownKey.file != nil else { return }  // there is a next key, in a file
        let uninformed = state.uninformed
        let tokens = book.planRevokingOpenTokens(at: now.wall)
        let line = client.audit(.done, "key \(next)\(uninformed.isEmpty ? "" : ": forced")")
        let lines = tokens.map { token in
            AuditDraft(
                who: client.author, origin: client.caller.origin, what: Deed.tokenRevoke.rawValue,
                target: "token \(token.id)", result: .done, detail: "it names the key that the gate had until now")
        }
        _ = try stored { () throws(CoordinatorError) in
            try store.record(AccessChange(tokens: tokens), audit: [line] + lines, at: now.wall)
        }
        book.take([], tokens: tokens)
        ownKey.revokedTokens += tokens.count
        do throws(TransportError) {
            try ownKey.replace()
        } catch {
            audit([client.audit(.failed, error.message)], now)
            throw RemoteFailure(.failed, "the next key cannot take the present one's place: \(error.message)")
        }
        ownKey.isReplaced = true
        logger.notice(
            "the coordinator starts anew, with its next key",
            metadata: [
                "key": "\(next)", "uninformed": "\(uninformed.count)", "tokens": "\(tokens.count)",
                "by": "\(client.author)",
            ])
        // The sockets close once this actor has sent the answer: it is asked first.
        keyChange.finish()
    }

    private func writeDown(_ lines: [AuditDraft], _ now: Moment) throws(RemoteFailure) {
        try stored { () throws(CoordinatorError) in try store.append(lines, at: now.wall) }
    }

    /// The key is another one from the next start on. Waits for what this actor is about to send.
    var isKeyReplaced: Bool { ownKey.isReplaced }
}
