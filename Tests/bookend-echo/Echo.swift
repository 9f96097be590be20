import BookendModel
import BookendTransport
import BookendWire
import Glibc

/// Measures how long a report takes to a server and its acknowledgement back, over TCP with CURVE and over a Unix socket in turns.
///
/// The sockets and the encoding are those of the agents and collectors; nothing is stored, so that the way there and back is all that is
/// measured. Prints a line for each pair: the nanoseconds over TCP with CURVE, and those over the Unix socket.
@main
struct Echo {
    private struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The first ones are slower, and not printed.
    private static let warmUp = 200

    static func main() async throws {
        guard CommandLine.arguments.count == 2, let pairs = Int(CommandLine.arguments[1]), pairs > 0 else {
            throw Failure(description: "usage: bookend-echo PAIRS")
        }
        var template = Array("/tmp/bookend-echo-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure(description: "no directory below /tmp") }
        let folder = String(cString: made)
        defer { rmdir(folder) }

        // A thread of its own for each end, as in two daemons.
        let networks = try (0..<4).map { _ in try SocketThread() }
        let (serverKeys, clientKeys) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
        guard let identity = PeerIdentity("agent/a1") else { throw Failure(description: "no name") }
        let ring = KeyRing([EnrolledKey(key: clientKeys.publicKey, identity: identity)])
        let curve = try await networks[0].open(
            SocketPlan(.router, try Endpoint("tcp://127.0.0.1:*"), .curveServer(serverKeys, admitting: ring)))
        let unix = try await networks[1].open(SocketPlan(.router, try Endpoint("ipc://\(folder)/socket"), .local))
        let clients = [
            try await networks[2].open(
                SocketPlan(.dealer, curve.endpoint, .curveClient(ClientKeys(clientKeys), server: serverKeys.publicKey))),
            try await networks[3].open(SocketPlan(.dealer, unix.endpoint, .local)),
        ]
        let servers = [curve, unix].map { server in Task { try await acknowledge(server) } }

        var ways = clients.map { Way($0) }
        for pair in 1...(warmUp + pairs) {
            var times = [Int64](repeating: 0, count: 2)
            // Neither is always the first.
            for index in pair.isMultiple(of: 2) ? [0, 1] : [1, 0] {
                times[index] = try await ways[index].roundTrip(UInt64(pair))
            }
            if pair > warmUp { print(times[0], times[1]) }
        }
        for network in networks { await network.stop() }
        for server in servers { try await server.value }
        unlink(folder + "/socket")
    }

    /// Answers each batch by the number of its last report, as a collector does.
    private static func acknowledge(_ server: any MessageSocket) async throws {
        for await batch in server.deliveries {
            for message in batch.compactMap(\.message) {
                guard case .intake(.batch(let reports)) = try Wire.decode(message.frames.last ?? []) else { continue }
                let ack = IntakeAck(
                    incarnation: reports.incarnation, through: reports.reports.last?.origin.sequence ?? 0,
                    digest: reports.after, epoch: 1)
                server.send([Wire.encode(.intakeAck(ack))], to: message.route)
            }
        }
    }

    /// A client and what comes back to it.
    private struct Way {
        private let socket: any MessageSocket
        private var deliveries: Deliveries.AsyncIterator

        init(_ socket: any MessageSocket) {
            self.socket = socket
            deliveries = socket.deliveries.makeAsyncIterator()
        }

        /// In nanoseconds.
        mutating func roundTrip(_ number: UInt64) async throws -> Int64 {
            let trigger = ReportedTrigger(
                job: JobID(rawValue: Int64(number)), policy: PolicyName(rawValue: "nightly"), revision: 1,
                cause: .manual,
                scheduledStart: UnixTime(milliseconds: 1_700_000_000_000))
            let report = Report(
                origin: ReportOrigin(agent: AgentID(rawValue: "a1"), incarnation: 1, sequence: number),
                trigger: trigger,
                attempt: 1, stage: .backup, status: .successful, at: UnixTime(milliseconds: 1_700_000_001_000))
            let begin = ContinuousClock.now
            let batch = IntakeBatch(incarnation: 1, after: ReportDigest(rawValue: number), reports: [report])
            socket.send([Wire.encode(.intake(.batch(batch)))])
            while let batch = await deliveries.next() {
                for message in batch.compactMap(\.message) {
                    guard case .intakeAck(let ack) = try Wire.decode(message.frames.last ?? []), ack.through == number
                    else { continue }
                    let (seconds, attoseconds) = (ContinuousClock.now - begin).components
                    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
                }
            }
            throw Failure(description: "the connection ended")
        }
    }
}
