import Foundation

/// Peers that nobody admitted, as a program of their own: connections that never finish a handshake, handshakes with keys that
/// nobody knows, frames that are too large.
enum Strangers {
    /// Prints `ready` when it has begun, then goes on until it is stopped. Never more than `count` connections at once.
    private static let program = """
        import ctypes, os, resource, socket, struct, sys, time
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

        class Enrolled:
            # With a key that is enrolled, and without libzmq, which would neither send an unfinished message nor choose any
            # routing id: the client's side of CURVE (RFC 26).
            def __init__(self, number, identity=b""):
                self.port = ports[number]
                own_secret = z85([line for line in open(os.environ["SECRET_KEY"]) if line.strip() and line[0] != "#"][0].strip())
                own = ctypes.create_string_buffer(32)
                sodium().crypto_scalarmult_base(own, own_secret)
                server = z85(os.environ["SERVER_KEYS"].split()[number])
                self.peer = socket.create_connection(("127.0.0.1", self.port), timeout=20)
                self.peer.sendall(greeting)
                self.take(64)
                public, self.secret = pair()
                hello = b"\\x05HELLO\\x01\\x00" + bytes(72) + public + struct.pack(">Q", 1)
                hello += box(bytes(64), b"CurveZMQHELLO---" + struct.pack(">Q", 1), server, self.secret)
                self.peer.sendall(b"\\x04" + bytes([len(hello)]) + hello)
                welcome = self.command()
                assert welcome[:8] == b"\\x07WELCOME", welcome[:8]
                text = opened(welcome[24:], b"WELCOME-" + welcome[8:24], server, self.secret)
                self.there, cookie = text[:32], text[32:]
                vouch = os.urandom(16)
                vouched = box(public + server, b"VOUCH---" + vouch, self.there, own_secret)
                data = b"\\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER" + b"\\x08Identity"
                data += struct.pack(">I", len(identity)) + identity
                initiate = b"\\x08INITIATE" + cookie + struct.pack(">Q", 2)
                sealed = own.raw + vouch + vouched + data
                initiate += box(sealed, b"CurveZMQINITIATE" + struct.pack(">Q", 2), self.there, self.secret)
                self.peer.sendall(b"\\x06" + struct.pack(">Q", len(initiate)) + initiate)
                ready = self.command()
                assert ready[:6] == b"\\x05READY", ready[:8]
                self.nonce = 2

            def take(self, count):
                data = b""
                while len(data) < count:
                    piece = self.peer.recv(count - len(data))
                    assert piece, "the server closed the connection"
                    data += piece
                return data

            def command(self):
                flags = self.take(1)[0]
                return self.take(self.take(1)[0] if not flags & 2 else struct.unpack(">Q", self.take(8))[0])

            def send(self, payload, more=0):
                self.nonce += 1
                nonce = struct.pack(">Q", self.nonce)
                text = b"\\x07MESSAGE" + nonce
                text += box(bytes([more]) + payload, b"CurveZMQMESSAGEC" + nonce, self.there, self.secret)
                self.peer.sendall(b"\\x02" + struct.pack(">Q", len(text)) + text)

        def sodium():
            return ctypes.CDLL("libsodium.so.23")

        def z85(text):
            digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
            values = [digits.index(letter) for letter in text]
            words = [values[place:place + 5] for place in range(0, len(values), 5)]
            return b"".join(struct.pack(">I", sum(v * 85 ** (4 - i) for i, v in enumerate(word))) for word in words)

        def box(text, nonce, public, secret):
            sealed = ctypes.create_string_buffer(len(text) + 16)
            assert sodium().crypto_box_easy(sealed, text, ctypes.c_ulonglong(len(text)), nonce, public, secret) == 0
            return sealed.raw

        def opened(sealed, nonce, public, secret):
            text = ctypes.create_string_buffer(len(sealed) - 16)
            assert sodium().crypto_box_open_easy(text, sealed, ctypes.c_ulonglong(len(sealed)), nonce, public, secret) == 0
            return text.raw

        def pair():
            public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
            sodium().crypto_box_keypair(public, secret)
            return public.raw, secret.raw

        def endless():
            # One whole message, then frames of another that never ends, some 60 MB a second.
            for number in range(len(ports)):
                peer = Enrolled(number)
                peer.send(b"something")
                print("ready", flush=True)
                time.sleep(3)
                try:
                    for _ in range(count):
                        peer.send(bytes(1 << 20), 1)
                        time.sleep(0.016)
                    print("never cut off", flush=True)
                except OSError:
                    print("cut off", flush=True)
                peer.peer.close()
            print("done", flush=True)
            time.sleep(3600)

        def several():
            # The same, over six connections, none of which has too much by itself.
            for number in range(len(ports)):
                peers, held = [Enrolled(number) for _ in range(6)], 6
                for peer in peers: peer.send(b"something")
                print("ready", flush=True)
                for _ in range(count):
                    for peer in list(peers):
                        try: peer.send(bytes(1 << 20), 1)
                        except OSError: peers.remove(peer)
                        time.sleep(0.016)
                print("cut off" if len(peers) < 6 else "never cut off", flush=True)
                for peer in peers: peer.peer.close()
            print("done", flush=True)
            time.sleep(3600)

        def routes():
            # Routing ids: one that anybody could choose; those that libzmq will give, if its numbers begin where an unseeded
            # rand() does; then as many connections as make it give them.
            libc, bases, peers = ctypes.CDLL(None), [], []
            libc.srand(1)
            for _ in range(6):
                low, high = libc.rand(), libc.rand()
                bases.append((low | high << 31) & 0xffffffff)
            for number in range(len(ports)):
                Enrolled(number, b"mine").send(b"something")
                for base in bases:
                    for step in range(count // 8):
                        peers.append(Enrolled(number, b"\\0" + struct.pack(">I", (base + 4 + 8 * step) & 0xffffffff)))
                        peers[-1].send(b"something")
                print("ready", flush=True)
                for _ in range(count):
                    peers.append(Enrolled(number))
                    peers[-1].send(b"something")
            print("done", flush=True)
            time.sleep(3600)

        {"silent": silent, "huge": huge, "unknown": unknown, "endless": endless, "several": several, "routes": routes}[mode]()
        """

    enum Kind: String, Sendable {
        case silent, huge, unknown, endless, several, routes
    }

    /// Runs the body while they are at it.
    ///
    /// - Parameters:
    ///   - count: Connections at once; for ``Kind/unknown`` handshakes a second.
    ///   - ports: Of the servers, in turns.
    ///   - keys: The servers' public keys, for all but the first two.
    ///   - secret: The file of an enrolled key, for ``Kind/endless`` and ``Kind/several``, where `count` is megabytes for each
    ///     connection, and for ``Kind/routes``.
    static func knock(
        _ kind: Kind, count: Int, at ports: [UInt16], keys: [String] = [],
        secret: String = "", _ body: (RunningProgram) async throws -> Void
    ) async throws {
        let python = kind == .unknown ? try await PythonHome.shared() : "/usr/bin/python3"
        let strangers = RunningProgram(
            "strangers", python, ["-c", program, kind.rawValue, "\(count)"] + ports.map(String.init),
            environment: ["SERVER_KEYS": keys.joined(separator: " "), "SECRET_KEY": secret])
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
