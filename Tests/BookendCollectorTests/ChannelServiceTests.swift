import BookendDaemon
import BookendFiles
import BookendModel
import Logging
import Synchronization
import Testing

@testable import BookendCollector

/// One channel that is down for a while.
@Suite(.timeLimit(.minutes(2))) struct ChannelServiceTests {
    /// Answers as it is told, and then accepts.
    private final class Door: ChannelSending {
        private let answers: Mutex<[ChannelOutcome]>
        private let said: AsyncStream<String>.Continuation
        let tries: AsyncStream<String>

        init(_ answers: [ChannelOutcome]) {
            self.answers = Mutex(answers)
            (tries, said) = AsyncStream.makeStream()
        }

        func send(_ message: OutgoingMessage) async throws -> ChannelOutcome {
            let answer = answers.withLock { $0.isEmpty ? .accepted : $0.removeFirst() }
            said.yield("\(message.key) \(answer == .accepted ? "accepted" : "not")")
            return answer
        }

        func tries(_ count: Int) async -> [String] {
            var all: [String] = []
            for await one in tries {
                all.append(one)
                if all.count == count { break }
            }
            return all
        }
    }

    private func message(_ key: String, _ kind: AlertKind, _ occasion: AlertNotice.Occasion) -> OutgoingMessage {
        let cause = AlertCause(kind, PolicyName(rawValue: "nightly"))
        let notice = AlertNotice(
            occasion: occasion, alert: Alert(id: 1, cause: cause, raisedAt: UnixTime(milliseconds: 1)),
            at: UnixTime(milliseconds: 1))
        return OutgoingMessage(
            channel: "ops", key: key, createdAt: UnixTime(milliseconds: 1), body: .notice(notice))
    }

    private func with(
        _ door: Door, pace: ChannelService.Pace, _ messages: [OutgoingMessage],
        _ body: (InMemoryReportStore, ChannelBoard) async throws -> Void
    ) async throws {
        let store = InMemoryReportStore()
        _ = store.record(AlertBook.Changes(), judgedThrough: 0, messages: messages, actions: [])
        let mail = ChannelConfiguration.Mail(server: "mail:25", from: "b@example.org", to: ["o@example.org"])
        let board = ChannelBoard([ChannelConfiguration(name: "ops", kind: .mail(mail))])
        let service = ChannelService(
            name: "ops", door: door, store: store, board: board, pace: pace, clock: SystemClock(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await service.run() }
            try await body(store, board)
            group.cancelAll()
        }
    }

    private var quick: ChannelService.Pace {
        var pace = ChannelService.Pace()
        (pace.first, pace.limit, pace.look) = (.milliseconds(2), .milliseconds(4), .milliseconds(1))
        return pace
    }

    @Test func `after an outage messages go out in the order in which they came`() async throws {
        let door = Door(Array(repeating: .failed("down"), count: 12))
        let messages = [
            message("raised", .backupFailed, .raised), message("other", .missed, .raised),
            message("resolved", .backupFailed, .resolved),
        ]
        try await with(door, pace: quick, messages) { _, _ in
            let tries = await door.tries(15)
            #expect(tries.prefix(12).allSatisfy { $0 == "raised not" }, "\(tries)")
            #expect(tries.suffix(3) == ["raised accepted", "other accepted", "resolved accepted"])
        }
    }

    @Test func `a message that fails by itself lets those of other causes pass, and not its own`() async throws {
        let door = Door(Array(repeating: .failed("451 its text"), count: 3))
        var pace = quick
        (pace.stubborn, pace.limit) = (3, .seconds(600))
        let messages = [
            message("raised", .backupFailed, .raised), message("resolved", .backupFailed, .resolved),
            message("other", .missed, .raised),
        ]
        try await with(door, pace: pace, messages) { store, _ in
            #expect(await door.tries(4) == ["raised not", "raised not", "raised not", "other accepted"])
            while store.outgoing(of: "ops", limit: 9).total > 2 { await Task.yield() }
            #expect(store.outgoing(of: "ops", limit: 9).messages.map(\.key) == ["raised", "resolved"])
            #expect(store.takeOutgoing(to: "ops", at: SystemClock().now.wall) == nil)
        }
    }

    @Test func `who asks whether a channel works is answered by a new try, at once`() async throws {
        let door = Door([.failed("down")])
        var pace = quick
        (pace.first, pace.limit) = (.seconds(3_000), .seconds(3_000))
        try await with(door, pace: pace, [message("raised", .backupFailed, .raised)]) { store, board in
            while board.states([:])[0].problem.isEmpty { await Task.yield() }
            _ = store.record(
                AlertBook.Changes(), judgedThrough: 0, messages: [message("test", .backupFailed, .test)], actions: [])
            board.ask("ops")
            #expect(board.states([:])[0].problem.isEmpty && board.states([:])[0].failingSince != nil)
            #expect(await door.tries(3) == ["raised not", "test accepted", "raised accepted"])
        }
    }

    @Test func `a mail that some did not get is kept for them, and holds nobody up`() async throws {
        let door = Door([.partly(left: ["boss@example.org"], "boss@example.org: 450 greylisted")])
        let messages = [message("raised", .backupFailed, .raised), message("resolved", .backupFailed, .resolved)]
        var pace = quick
        pace.first = .seconds(60)
        try await with(door, pace: pace, messages) { store, _ in
            #expect(await door.tries(2) == ["raised not", "resolved accepted"])
            while store.outgoing(of: "ops", limit: 9).total > 1 { await Task.yield() }
            let kept = store.outgoing(of: "ops", limit: 9).messages
            #expect(kept.map(\.recipients) == [["boss@example.org"]])
            #expect(kept.map(\.refusal) == ["boss@example.org: 450 greylisted"])
        }
    }
}
