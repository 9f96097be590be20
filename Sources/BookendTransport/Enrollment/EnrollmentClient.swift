package import BookendModel
import BookendWire

/// A newcomer at the gate.
package struct EnrollmentClient: Sendable {
    package enum Failure: Error, Hashable, Sendable {
        /// The coordinator said no, and why.
        case refused(RemoteFailure)
        /// Nobody answered in time; the text says what was met.
        case unreachable(String)
    }

    private let ticket: EnrollmentTicket
    private let keys: CurveKeyPair
    private let name: String?

    package init(_ ticket: EnrollmentTicket, keys: CurveKeyPair, name: String?) {
        self.ticket = ticket
        self.keys = keys
        self.name = name
    }

    /// Knocks until there is a word, each time over a new connection.
    ///
    /// - Parameters:
    ///   - patience: How long to try while nobody answers.
    ///   - approval: How long to wait for an operator's word.
    ///   - onWaiting: Called once when an operator must approve first.
    package func enroll(
        patience: Duration, approval: Duration, onWaiting: @Sendable () -> Void
    ) async throws -> EnrolledPeer {
        let network = try SocketThread()
        do {
            let peer = try await knock(network, patience, approval, onWaiting)
            await network.stop()
            return peer
        } catch {
            await network.stop()
            throw error
        }
    }

    private func knock(
        _ network: SocketThread, _ patience: Duration, _ approval: Duration, _ onWaiting: () -> Void
    ) async throws -> EnrolledPeer {
        var unanswered = ContinuousClock.now + patience
        var waitsUntil: ContinuousClock.Instant?
        var backoff = Backoff(first: .milliseconds(200), limit: .seconds(5))
        var random = SystemRandomNumberGenerator()
        var problem = "nobody answered"
        while true {
            switch try await ask(network) {
            case .success(.admitted(let peer)): return peer
            case .success(.pending(let delay)):
                if waitsUntil == nil { onWaiting() }
                let end = waitsUntil ?? ContinuousClock.now + approval
                waitsUntil = end
                guard ContinuousClock.now < end else {
                    throw Failure.unreachable("no operator has approved it yet: run the same command again later")
                }
                unanswered = .now + patience
                try await Task.sleep(for: delay)
                continue
            case .success(.failed(let failure)):
                guard failure.code == .unavailable else { throw Failure.refused(failure) }
                problem = failure.message
            case .failure(let reason): problem = reason.text
            }
            guard ContinuousClock.now < unanswered, let pause = backoff.next(using: &random) as Duration? else {
                throw Failure.unreachable("\(ticket.endpoint): \(problem)")
            }
            try await Task.sleep(for: pause)
        }
    }

    private struct Silence: Error {
        var text: String
    }

    /// One connection, one message.
    private func ask(_ network: SocketThread) async throws -> Result<EnrollReply, Silence> {
        var limits = SocketLimits()
        limits.handshake = .seconds(5)
        limits.linger = .zero
        limits.heartbeat = .zero
        let socket = try await network.open(
            SocketPlan(
                .dealer, try Endpoint(ticket.endpoint),
                .curveClient(ClientKeys(keys), server: try CurveKey(ticket.serverKey)),
                limits: limits, retry: nil))
        let request = EnrollRequest(token: ticket.token, secret: ticket.secret, name: name)
        socket.send([Wire.encode(.enrollRequest(request))])
        // Ends with the connection, which the gate cuts after some seconds.
        let timer = Task {
            // Canceled: the answer came.
            guard (try? await Task.sleep(for: .seconds(12))) != nil else { return }
            await socket.close()
        }
        defer { timer.cancel() }
        for await batch in socket.deliveries {
            for frame in batch.compactMap(\.message?.frames.last) {
                await socket.close()
                do {
                    guard case .enrollReply(let reply) = try Wire.decode(frame) else { break }
                    return .success(reply)
                } catch {
                    return .failure(Silence(text: "the answer cannot be read: \(error.message)"))
                }
            }
        }
        var reason = "nobody answered: is the token still valid, and the coordinator running?"
        for await event in socket.connectionEvents {
            if case .lost(.handshakeFailed, _) = event {
                reason = "who listens there is not the enroller of this token"
            }
        }
        await socket.close()
        return .failure(Silence(text: reason))
    }
}
