import Foundation
import Glibc

/// The line between agents and their servers, which can be cut: nothing that is sent arrives until it is whole again, and nobody
/// is told.
struct Cable: Sendable {
    private static let program = """
        import os, socket, sys, threading, time
        cut, targets = sys.argv[1], [int(word) for word in sys.argv[2:]]

        def carry(source, target):
            try:
                while piece := source.recv(65536):
                    while os.path.exists(cut):
                        time.sleep(0.02)
                    target.sendall(piece)
            except OSError:
                pass
            for peer in (source, target):
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def serve(listener, target):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", target))
                except OSError:
                    client.close()
                    continue
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=carry, args=pair, daemon=True).start()

        for target in targets:
            listener = socket.create_server(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            threading.Thread(target=serve, args=(listener, target), daemon=True).start()
        threading.Event().wait()
        """

    private let program: RunningProgram
    private let file: String

    /// Runs the body while all agents of a fleet reach their coordinator, and nobody else, over a cable.
    static func with(_ fleet: RealFleet, _ body: (Cable) async throws -> Void) async throws {
        let file = fleet.layout.directory + "/cut"
        let ports = [fleet.layout.ports.sync, fleet.layout.ports.broadcast]
        let cable = Cable(
            program: RunningProgram(
                "cable", "/usr/bin/python3", ["-c", program, file] + ports.map(String.init)), file: file)
        do {
            _ = try await cable.program.output.next(after: 1)
            let ends = cable.program.output.all
            try await withThrowingTaskGroup(of: Void.self) { group in
                for site in fleet.layout.sites {
                    group.addTask {
                        try await fleet.reconfigure(site) { text in
                            zip(ports, ends).reduce(text) { text, port in
                                text.replacing("127.0.0.1:\(port.0)\n", with: "127.0.0.1:\(port.1)\n")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await body(cable)
        } catch {
            await cable.program.stop(SIGKILL)
            throw error
        }
        await cable.program.stop(SIGKILL)
    }

    func cut() throws { try "".write(toFile: file, atomically: true, encoding: .utf8) }

    func mend() throws { try FileManager.default.removeItem(atPath: file) }
}
