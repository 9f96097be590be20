import BookendModel
import CZeroMQ

/// Answers libzmq's question at each handshake, from memory: is this key enrolled? (ZAP, RFC 27.)
///
/// Bound before the first CURVE server: without it libzmq lets every key in.
final class Admission {
    private static let address = "inproc://zeromq.zap.01"

    let socket: RawSocket
    private var rings: [String: KeyRing] = [:]
    private var open: Set<String> = []
    private var strangers: [String: StrangerCount] = [:]

    init(_ context: UnsafeMutableRawPointer) throws(TransportError) {
        socket = try RawSocket(context, ZMQ_REP)
        guard zmq_bind(socket.pointer, Self.address) == 0 else {
            let reason = RawSocket.reason()
            socket.close(linger: .zero)
            throw TransportError(.insecure, "cannot bind \(Self.address): \(reason); no server is opened without it")
        }
    }

    func admit(_ ring: KeyRing, to domain: String) {
        rings[domain] = ring
    }

    /// Lets every key in, which then is a newcomer's: for the enrollment gate alone, in a process of its own.
    func admitEverybody(to domain: String) {
        open.insert(domain)
    }

    /// The key of somebody who was let in so.
    static func newcomer(_ userID: String) -> PublicKey? {
        let prefix = "newcomer "
        guard userID.hasPrefix(prefix) else { return nil }
        return PublicKey(checking: userID.dropFirst(prefix.count))
    }

    func forget(_ domain: String) {
        rings[domain] = nil
        strangers[domain] = nil
    }

    /// Who was turned away since the last call.
    func takeStrangers(of domain: String) -> [(address: String, times: Int64)] {
        strangers.removeValue(forKey: domain)?.told ?? []
    }

    /// Answers what is asked, at most so many times; true when there may be more.
    ///
    /// - Parameter isOwn: The key is one of this program: that it is turned away is told to nobody.
    func answer(limit: Int, isOwn: (CurveKey) -> Bool = { _ in false }) -> Bool {
        for _ in 0..<limit {
            guard let request = socket.receive(frameLimit: 16) else { return false }
            // It is sent: the asker is libzmq itself, which waits for it.
            _ = socket.send(Message(reply(to: request.frames, isOwn)))
        }
        return true
    }

    /// version, request id, domain, address, routing id, mechanism, credentials ─▶ version, request id, status, text, user, metadata
    private func reply(to request: [Frame], _ isOwn: (CurveKey) -> Bool) -> [Frame] {
        func reply(_ code: String, _ text: String, user: String = "") -> [Frame] {
            let id = request.count > 1 ? request[1] : []
            return [Frame("1.0".utf8), id, Frame(code.utf8), Frame(text.utf8), Frame(user.utf8), []]
        }
        guard request.count == 7, request[0] == Frame("1.0".utf8), request[5] == Frame("CURVE".utf8) else {
            return reply("500", "not understood")
        }
        if open.contains(String(decoding: request[2], as: UTF8.self)), let key = CurveKey(bytes: request[6]) {
            return reply("200", "OK", user: "newcomer \(key)")
        }
        let domain = String(decoding: request[2], as: UTF8.self)
        guard let ring = rings[domain], let key = CurveKey(bytes: request[6]) else {
            return reply("400", "not enrolled")
        }
        guard let enrolled = ring.enrolled(key) else {
            if !isOwn(key) {
                strangers[domain, default: StrangerCount()].note(at: String(decoding: request[3], as: UTF8.self))
            }
            return reply("400", "not enrolled")
        }
        return reply("200", "OK", user: UserID.spell(enrolled))
    }
}

/// What a connection's messages carry as their User-Id: the enrolled name and the key, so that a connection of a revoked
/// key is told apart from one of the key that replaced it.
enum UserID {
    static func spell(_ enrolled: EnrolledKey) -> String {
        "\(enrolled.identity) \(enrolled.key)"
    }

    static func parse(_ text: String) -> Sender? {
        guard let space = text.firstIndex(of: " "), let identity = PeerIdentity(text[..<space]) else { return nil }
        do {
            return Sender(identity: identity, key: try CurveKey(text[text.index(after: space)...]))
        } catch {
            return nil  // not our spelling: it is nobody
        }
    }
}
