import Foundation
import Glibc

/// What somebody on the network does without any key: he speaks without CURVE, and plays again what he recorded.
enum Tape {
    private static let program = """
        import socket, struct, sys, threading, time
        mode, ports = sys.argv[1], [int(word) for word in sys.argv[2:]]

        def greeting(mechanism, minor):
            return b"\\xff" + bytes(8) + b"\\x7f\\x03" + bytes([minor]) + mechanism.ljust(20, b"\\0") + bytes(32)

        def command(body):
            return b"\\x04" + bytes([len(body)]) + body

        def all_of(peer, patience):
            # What comes until the other side closes; and whether it did.
            data, end = b"", time.monotonic() + patience
            while time.monotonic() < end:
                peer.settimeout(max(0.05, end - time.monotonic()))
                try:
                    piece = peer.recv(65536)
                except socket.timeout:
                    break
                except OSError:
                    return data, True
                if not piece:
                    return data, True
                data += piece
            return data, False

        def absent():
            kind = b"\\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
            message = b"\\x00\\x05hello\\x00\\x01\\x01"
            ways = {
                "NULL": greeting(b"NULL", 0) + command(b"\\x05READY" + kind) + message,
                "NULL of 3.1": greeting(b"NULL", 1) + command(b"\\x05READY" + kind) + message,
                "PLAIN": greeting(b"PLAIN", 0) + command(b"\\x05HELLO\\x04root\\x04root")
                    + command(b"\\x08INITIATE" + kind) + message,
                "no mechanism": greeting(b"", 0) + command(b"\\x05READY" + kind) + message,
                "version 2": b"\\xff" + bytes(8) + b"\\x7f\\x01\\x05" + b"\\x00\\x00" + message,
                "version 1": b"\\x01\\x00" + b"\\x06\\x00hello" + b"\\x02\\x00\\x01",
                "CURVE, then NULL": greeting(b"CURVE", 0) + command(b"\\x05READY" + kind) + message,
            }
            for port in ports:
                for way, said in ways.items():
                    peer = socket.create_connection(("127.0.0.1", port), timeout=10)
                    try:
                        peer.sendall(said)
                    except OSError:
                        pass
                    heard, closed = all_of(peer, 60)
                    # Its own greeting is all that a server says, or an error in the handshake.
                    quiet = len(heard) <= 64 or heard[64:].startswith(b"\\x04") and heard[66:72] == b"\\x05ERROR"
                    print("refused" if closed and quiet else "taken", port, way, len(heard), flush=True)
                    peer.close()

        def exactly(peer, count):
            data = b""
            while len(data) < count:
                piece = peer.recv(count - len(data))
                if not piece:
                    raise OSError("closed")
                data += piece
            return data

        def frame(peer):
            flags = exactly(peer, 1)
            size = exactly(peer, 8 if flags[0] & 2 else 1)
            return flags + size + exactly(peer, int.from_bytes(size, "big"))

        def carry(source, target, seen, twice):
            # Frame by frame; the first large message twice.
            try:
                # Each side says the rest of its greeting when it has heard how the other's begins.
                block = b""
                while len(block) < 64:
                    piece = exactly(source, 1)
                    target.sendall(piece)
                    block += piece
                seen.append(block)
                while True:
                    block = frame(source)
                    seen.append(block)
                    target.sendall(block)
                    if twice and b"\\x07MESSAGE" in block[:18] and len(block) > 100:
                        twice = False
                        target.sendall(block)
                        print("twice", flush=True)
            except OSError:
                pass
            for peer in (source, target):
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def connections():
            listener = socket.create_server(("127.0.0.1", 0))
            print("port", listener.getsockname()[1], flush=True)
            while True:
                client, _ = listener.accept()
                yield client, socket.create_connection(("127.0.0.1", ports[0]))

        def relay(from_client, from_server):
            for number, (client, server) in enumerate(connections()):
                first = number == 0
                pairs = [(client, server, from_client and first), (server, client, from_server and first)]
                threads = [threading.Thread(target=carry, args=(a, b, [], twice), daemon=True) for a, b, twice in pairs]
                for thread in threads: thread.start()
                if first:
                    for thread in threads: thread.join()
                    print("cut off", flush=True)

        def record():
            for client, server in connections():
                said, heard = [], []
                threads = [
                    threading.Thread(target=carry, args=(client, server, said, False), daemon=True),
                    threading.Thread(target=carry, args=(server, client, heard, False), daemon=True),
                ]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                ready = any(b"\\x05READY" in block[:20] for block in heard)
                print("recorded", len(said), "ready" if ready else "not ready", flush=True)
                for pause in (0.2, 0):
                    peer = socket.create_connection(("127.0.0.1", ports[0]), timeout=10)
                    try:
                        for block in said:
                            peer.sendall(block)
                            time.sleep(pause)
                    except OSError:
                        pass
                    answer, closed = all_of(peer, 60)
                    print("refused" if closed and b"\\x05READY" not in answer else "taken", len(answer), flush=True)
                    peer.close()
                print("played", flush=True)

        {"absent": absent, "record": record, "client": lambda: relay(True, False), "server": lambda: relay(False, True)}[mode]()
        """

    enum Mode: String, Sendable, CaseIterable {
        /// Each way of speaking without CURVE, to each port: prints `refused PORT WAY` or `taken PORT WAY`, then ends.
        case absent
        /// A relay; plays what a client said again once that client is gone: `refused` or `taken` for each time.
        case record
        /// A relay that sends the first large message of the client twice, or the server's. Only on its first connection, of whose end
        /// it says `cut off`.
        case client, server
    }

    static func run(_ mode: Mode, at ports: [UInt16], _ body: (RunningProgram) async throws -> Void) async throws {
        let tape = RunningProgram(
            "tape", "/usr/bin/python3", ["-c", program, mode.rawValue] + ports.map(String.init))
        do {
            try await body(tape)
        } catch {
            await tape.stop(SIGKILL)
            throw error
        }
        await tape.stop(SIGKILL)
    }

    /// Where a relay listens.
    static func port(_ tape: RunningProgram) async throws -> UInt16 {
        let line = try await tape.output.first("the relay's port") { $0.hasPrefix("port ") }
        guard let port = UInt16(line.dropFirst(5)) else { throw Missed(description: line) }
        return port
    }
}
