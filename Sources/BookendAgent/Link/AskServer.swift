package import BookendDaemon
package import BookendModel
package import BookendTransport
import BookendWire
package import Logging
import Synchronization

/// What the agent can answer about itself.
package protocol AskAnswering: Sendable {
    /// Answers one question.
    ///
    /// - Parameter send: Takes a piece of the answer; waits while the asker has given no credit, throws
    ///   `CancellationError` when nobody wants the answer any more.
    /// - Throws: ``RemoteFailure`` for the operator who asked.
    func answer(_ request: AskRequest, send: @Sendable (AskAnswer) async throws -> Void) async throws
}

/// The agent's side of ask: one task an open question, in chunks, never more than it has credit for.
package actor AskServer {
    /// Questions at once; one more is refused.
    private static let limit = 16
    /// How long an answer may wait for credit.
    private static let creditPatience = Duration.seconds(60)

    private struct Question {
        let credit: CreditCounter
        var task: Task<Void, Never>?
    }

    private let answering: any AskAnswering
    private let socket: any MessageSocket
    private let clock: any DaemonClock
    private let logger: Logger
    private var open: [UInt64: Question] = [:]

    package init(
        answering: any AskAnswering, socket: any MessageSocket, clock: any DaemonClock, logger: Logger
    ) {
        self.answering = answering
        self.socket = socket
        self.clock = clock
        self.logger = logger
    }

    package func take(_ call: AskCall) {
        switch call {
        case .open(let id, let request, let credit): begin(id, request, credit)
        case .credit(let id, let chunks): open[id]?.credit.add(chunks)
        case .close(let id): open[id]?.task?.cancel()
        }
    }

    /// Ends every open question.
    package func stop() {
        for question in open.values { question.task?.cancel() }
    }

    private func begin(_ id: UInt64, _ request: AskRequest, _ credit: Int) {
        guard open[id] == nil else { return }
        guard open.count < Self.limit else {
            let failure = RemoteFailure(
                .unavailable, "the agent answers \(Self.limit) questions already; try again soon")
            return reply(.end(id: id, failure))
        }
        let counter = CreditCounter(credit)
        open[id] = Question(credit: counter)
        // Awaited by nobody: it ends by itself, by `close`, by `stop`, or when its asker gives no more credit.
        open[id]?.task = Task { await self.answer(id, request, counter) }
    }

    private func answer(_ id: UInt64, _ request: AskRequest, _ credit: CreditCounter) async {
        var failure: RemoteFailure?
        do {
            try await answering.answer(request) { answer in
                try await credit.spend(until: self.clock.now.boot + Self.creditPatience, by: self.clock)
                self.reply(.chunk(id: id, answer))
            }
        } catch let error as RemoteFailure {
            failure = error
        } catch is CancellationError {
            failure = RemoteFailure(.unavailable, "the question was withdrawn")
        } catch {
            logger.error("a question could not be answered", metadata: ["error": "\(error)"])
            failure = RemoteFailure(.failed, "\(error)")
        }
        open[id] = nil
        reply(.end(id: id, failure))
    }

    private nonisolated func reply(_ reply: AskReply) {
        socket.send([Wire.encode(.askReply(reply))], to: nil)
    }
}

/// Chunks that may still be sent.
final class CreditCounter: Sendable {
    private struct State {
        var chunks: Int
        var changed = StopOrder()
    }

    private let state: Mutex<State>

    init(_ chunks: Int) {
        state = Mutex(State(chunks: chunks))
    }

    func add(_ chunks: Int) {
        state.withLock { state in
            state.chunks += chunks
            state.changed.give()
            state.changed = StopOrder()
        }
    }

    /// Takes one, waiting for more if there is none.
    ///
    /// - Throws: `CancellationError` when the task is canceled or the deadline comes.
    func spend(until deadline: BootTime, by clock: any DaemonClock) async throws {
        while true {
            try Task.checkCancellation()
            let changed: StopOrder? = state.withLock { state in
                guard state.chunks == 0 else {
                    state.chunks -= 1
                    return nil
                }
                return state.changed
            }
            guard let changed else { return }
            guard clock.now.boot < deadline else { throw CancellationError() }
            await withTaskGroup(of: Void.self) { race in
                race.addTask { await changed.wait() }
                // Canceled: the loop sees it.
                race.addTask { try? await clock.sleep(until: deadline) }
                await race.next()
                race.cancelAll()
            }
        }
    }
}
