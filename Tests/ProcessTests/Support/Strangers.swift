import Foundation

/// Peers that nobody admitted, as a program of their own: connections that never finish a handshake, handshakes with keys that
/// nobody knows, frames that are too large.
enum Strangers {
    /// Prints `ready` when it has begun, then goes on until it is stopped. Never more than `count` connections at once.
    private static let program = """
        import os, random, resource, select, socket, sys, time
        mode, count, ports = sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.argv[3:]]
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        # The beginning of ZMTP 3.1 with CURVE: signature, version, mechanism, no server, filler.
        greeting = b"\\xff" + bytes(8) + b"\\x7f\\x03\\x01" + b"CURVE".ljust(20, b"\\0") + bytes(32)

        def connect(port):
            peer = socket.create_connection(("127.0.0.1", port), timeout=10)
            peer.setblocking(False)
            return peer

        def silent():
            # One says nothing, one half a greeting, one all of it and nothing more.
            said, peers = [b"", greeting[:20], greeting], []
            while True:
                for peer in list(peers):
                    try:
                        if peer.recv(1) == b"": peers.remove(peer)
                    except BlockingIOError: pass
                    except OSError: peers.remove(peer)
                while len(peers) < count:
                    peer = connect(ports[len(peers) % len(ports)])
                    peer.send(said[len(peers) % 3])
                    peers.append(peer)
                print("ready", flush=True)
                time.sleep(1)

        def huge():
            # A command of 2 GiB, by its length, and as much of it as is taken.
            block, sent = bytes(1 << 20), 0
            while True:
                for port in ports:
                    peer = connect(port)
                    peer.setblocking(True)
                    peer.settimeout(2)
                    try:
                        peer.sendall(greeting)
                        peer.sendall(b"\\x06" + (2 << 30).to_bytes(8, "big"))
                        taken = 0
                        while taken < 256 << 20:
                            peer.sendall(block)
                            taken += len(block)
                        print("taken", flush=True)
                    except OSError:
                        print("ready", flush=True)
                    peer.close()

        def unknown():
            import zmq
            context = zmq.Context()
            context.set(zmq.MAX_SOCKETS, 4096)
            server = os.environ["SERVER_KEYS"].split()
            open_ones, begun, started = [], 0, time.monotonic()
            while True:
                while begun < (time.monotonic() - started) * count:
                    public, secret = zmq.curve_keypair()
                    peer = context.socket(zmq.DEALER)
                    peer.linger = 0
                    peer.reconnect_ivl = -1
                    peer.curve_publickey, peer.curve_secretkey = public, secret
                    peer.curve_serverkey = server[begun % len(ports)].encode()
                    peer.connect("tcp://127.0.0.1:%d" % ports[begun % len(ports)])
                    open_ones.append((time.monotonic(), peer))
                    begun += 1
                    if begun % count == 0: print("ready", flush=True)
                while open_ones and time.monotonic() - open_ones[0][0] > 1:
                    open_ones.pop(0)[1].close()
                time.sleep(0.002)

        {"silent": silent, "huge": huge, "unknown": unknown}[mode]()
        """

    enum Kind: String, Sendable {
        case silent, huge, unknown
    }

    /// Runs the body while they are at it.
    ///
    /// - Parameters:
    ///   - count: Connections at once; for ``Kind/unknown`` handshakes a second.
    ///   - ports: Of the servers, in turns.
    ///   - keys: The servers' public keys, for ``Kind/unknown``.
    static func knock(
        _ kind: Kind, count: Int, at ports: [UInt16], keys: [String] = [], _ body: (RunningProgram) async throws -> Void
    ) async throws {
        let python = kind == .unknown ? try await PythonHome.shared() : "/usr/bin/python3"
        let strangers = RunningProgram(
            "strangers", python, ["-c", program, kind.rawValue, "\(count)"] + ports.map(String.init),
            environment: ["SERVER_KEYS": keys.joined(separator: " ")])
        do {
            _ = try await strangers.output.first("the strangers", patience: .seconds(120)) { $0 == "ready" }
            try await body(strangers)
        } catch {
            await strangers.stop(SIGKILL)
            throw error
        }
        await strangers.stop(SIGKILL)
    }
}
