import BookendTestSupport
import Foundation
import Glibc
import Testing

/// The dead-man address of coordinator and collector, told by the real programs to a real web server.
@Suite(.timeLimit(.minutes(60))) struct DeadManTests {
    /// Prints the path of each request; answers 500 to `/broken`.
    private static let server = """
        import http.server, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                print(self.path, flush=True)
                self.send_response(500 if self.path == "/broken" else 204)
                self.end_headers()
            def log_message(self, *words):
                pass
        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
        """

    private func withServer(_ body: (_ port: UInt16, _ requests: Board<String>) async throws -> Void) async throws {
        let port = try FreePorts.find(1)[0]
        let server = RunningProgram("web", "/usr/bin/python3", ["-c", Self.server, "\(port)"])
        do {
            try await body(port, server.output)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func awaitPing(_ path: String, _ requests: Board<String>, after position: Int = 0) async throws {
        _ = try await requests.first("a request for \(path)", after: position, patience: .seconds(30)) { $0 == path }
    }

    @Test func `both servers tell their addresses while they work, and no longer`() async throws {
        try await withServer { port, requests in
            func deadMan(_ path: String) -> String {
                "dead_man: {url: \"http://127.0.0.1:\(port)/\(path)\", every: 1s}"
            }
            try await RealFleet.with(
                "dead-man", agents: 1, coordinator: deadMan("coordinator"), collector: deadMan("collector")
            ) { fleet in
                for path in ["/coordinator", "/collector"] { try await awaitPing(path, requests) }
                // One that is stopped in its tracks is heard of by nobody but this address.
                let pid = try await fleet.daemon("collector").pid
                kill(pid, SIGSTOP)
                defer { kill(pid, SIGCONT) }
                // What was under way may still arrive.
                let first = requests.count
                try await awaitPing("/coordinator", requests, after: first)
                let quiet = requests.count
                for _ in 0..<3 { try await awaitPing("/coordinator", requests, after: requests.count) }
                let after = requests.all.dropFirst(quiet)
                #expect(!after.contains("/collector"), "\(after)")
                kill(pid, SIGCONT)
                try await awaitPing("/collector", requests, after: quiet)
            }
        }
    }

    @Test func `an address that answers with an error is said once, and the daemon goes on`() async throws {
        try await withServer { port, requests in
            let deadMan = "dead_man: {url: \"http://127.0.0.1:\(port)/broken\", every: 1s}"
            try await RealFleet.with("dead-man", agents: 1, coordinator: deadMan) { fleet in
                for position in 0..<3 { try await awaitPing("/broken", requests, after: position) }
                let log = fleet.daemon("coordinator").errors.all.filter { $0.contains("dead-man") }
                #expect(log.count == 1 && log[0].contains("it answered 500") && !log[0].contains("\(port)"), "\(log)")
                #expect(try await fleet.bookend("agents").status == 0)
            }
        }
    }
}
