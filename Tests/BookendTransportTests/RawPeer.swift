import BookendModel
import CLinux
import CZeroMQ
import Glibc
import Synchronization
import Testing

@testable import BookendTransport

/// A client that sends what Bookend's own never would, over libzmq and with a key that is enrolled.
struct RawPeer {
    let socket: RawSocket

    func send(_ frames: [UInt8]..., sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(socket.send(Message(frames)) == .sent, sourceLocation: sourceLocation)
    }

    func subscribe(_ topic: String) {
        send([1] + topic.utf8)
    }

    /// All messages up to one that has this as its last frame.
    func messages(through text: String) async -> [String] {
        var texts: [String] = []
        while texts.last != text {
            if let arrival = socket.receive(frameLimit: 8) {
                texts.append(arrival.frames.last?.text ?? "")
            } else {
                await Task.yield()
            }
        }
        return texts
    }
}

/// Some of them, and a look at the server's end of their connections.
final class RawPeers {
    private let stage: Stage
    private let server: any MessageSocket
    private let context: UnsafeMutableRawPointer
    private var sockets: [RawSocket] = []
    private var keys: [String: CurveKeyPair] = [:]

    static func with(_ stage: Stage, _ server: any MessageSocket, _ body: (RawPeers) async throws -> Void) async throws
    {
        let peers = RawPeers(stage, server)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(peers))
        } catch {
            result = .failure(error)
        }
        for socket in peers.sockets { socket.close(linger: .zero) }
        zmq_ctx_term(peers.context)
        try result.get()
    }

    private init(_ stage: Stage, _ server: any MessageSocket) {
        self.stage = stage
        self.server = server
        context = zmq_ctx_new()
    }

    /// - Parameter comesAgain: Connects again by itself when it was cut off.
    func connect(
        _ type: Int32 = ZMQ_XSUB, as name: String, route: [UInt8]? = nil, comesAgain: Bool = true
    ) throws -> RawPeer {
        let pair = try keys[name] ?? .generate()
        if keys[name] == nil {
            stage.ring.enroll(EnrolledKey(key: pair.publicKey, identity: try #require(PeerIdentity(name))))
        }
        keys[name] = pair
        let socket = try RawSocket(context, type)
        sockets.append(socket)
        try socket.set(ZMQ_CURVE_SERVERKEY, try #require(Z85.decode(stage.serverKeys.publicKey.text)))
        try socket.set(ZMQ_CURVE_PUBLICKEY, try #require(Z85.decode(pair.publicKey.text)))
        try socket.set(ZMQ_CURVE_SECRETKEY, try #require(Z85.decode(pair.secret.text)))
        try socket.set(ZMQ_RECONNECT_IVL, Int32(comesAgain ? 10 : -1))
        if let route { try socket.set(ZMQ_ROUTING_ID, route) }
        try #require(zmq_connect(socket.pointer, server.endpoint.description) == 0)
        return RawPeer(socket: socket)
    }

    func close(_ peer: RawPeer) {
        sockets.removeAll { $0.pointer == peer.socket.pointer }
        peer.socket.close(linger: .zero)
    }

    /// libzmq subscribes anew over another connection only while somebody uses the socket.
    func tend() {
        for socket in sockets {
            var events: Int32 = 0
            var size = MemoryLayout<Int32>.size
            zmq_getsockopt(socket.pointer, ZMQ_EVENTS, &events, &size)
        }
    }

    /// Connections that the server has not closed.
    var connections: Int { descriptors.count }

    /// Does something by which the server gets bytes, and waits until libzmq has read them there.
    func arrive(_ send: () -> Void) async {
        let before = received
        send()
        while received == before || !isRead { await Task.yield() }
    }

    private var port: UInt16 {
        guard case .tcp(_, let port?) = server.endpoint.place else { return 0 }
        return port
    }

    private var received: Int64 { descriptors.reduce(0) { $0 + clinux_tcp_received($1, port) } }

    private var isRead: Bool {
        descriptors.allSatisfy { descriptor in
            var byte: UInt8 = 0
            return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) < 0
        }
    }

    private var descriptors: [Int32] {
        (3..<Int32(getdtablesize())).filter { descriptor in
            var text = [CChar](repeating: 0, count: 64)
            return isOwn(descriptor) && clinux_tcp_peer(descriptor, &text, text.count) == 0
        }
    }

    private func isOwn(_ descriptor: Int32) -> Bool {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return result == 0 && Int32(address.sin_family) == AF_INET && UInt16(bigEndian: address.sin_port) == port
    }
}

/// Holds up whoever passes, until it is opened.
final class Door: Sendable {
    private let pipe: (read: Int32, write: Int32)
    private let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation

    init() {
        var ends: [Int32] = [-1, -1]
        _ = clinux_pipe(&ends)
        pipe = (ends[0], ends[1])
        (arrivals, arrival) = AsyncStream.makeStream()
    }

    deinit {
        Glibc.close(pipe.read)
        Glibc.close(pipe.write)
    }

    /// Blocks the thread.
    func pass() {
        arrival.yield()
        var byte: UInt8 = 0
        _ = Glibc.read(pipe.read, &byte, 1)
    }

    func open() {
        var byte: UInt8 = 1
        _ = Glibc.write(pipe.write, &byte, 1)
    }

    /// Somebody is held up.
    func isReached() async {
        for await _ in arrivals { return }
    }
}
