import BookendCurl
import Logging
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct DeadManTests {
    private struct Broken: Error {}

    /// How a daemon does at one check after the other.
    private final class Checks: Sendable {
        private let answers: Mutex<ArraySlice<Bool>>
        private let sent = Mutex(0)
        let isOver: AsyncStream<Void>
        private let end: AsyncStream<Void>.Continuation

        init(_ answers: [Bool]) {
            self.answers = Mutex(answers[...])
            (isOver, end) = AsyncStream.makeStream(of: Void.self)
        }

        var signs: Int { sent.withLock(\.self) }

        func check() throws {
            guard let next = answers.withLock({ $0.popFirst() }) else {
                end.finish()
                throw CancellationError()
            }
            if !next { throw Broken() }
        }

        func sign() { sent.withLock { $0 += 1 } }
    }

    /// Runs until it has looked at the daemon as often as there are answers, and returns how often a sign of life was sent.
    private func signs(
        _ answers: [Bool], tell: @escaping @Sendable () throws -> Void = {}
    ) async -> (sent: Int, log: [String]) {
        let log = Lines()
        let checks = Checks(answers)
        let deadMan = DeadMan(every: .zero, clock: ContinuousClock(), logger: Logger(label: "test") { _ in log }) {
            checks.sign()
            try tell()
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await deadMan.run { try checks.check() } }
            for await _ in checks.isOver {}
            group.cancelAll()
        }
        return (checks.signs, log.all)
    }

    @Test func `a sign of life is sent only while the daemon works, and each change is logged once`() async {
        let result = await signs([true, true, false, false, false, true, false])
        #expect(result.sent == 3)
        #expect(result.log.map { $0.hasPrefix("no sign") } == [true, false, true], "\(result.log)")
    }

    @Test func `an address that does not answer is logged once`() async {
        let result = await signs([true, true, true]) { throw Broken() }
        #expect(result.sent == 3 && result.log.count == 1, "\(result.log)")
    }

    @Test func `an address where nobody listens is an error that does not name it`() async {
        let error = await #expect(throws: HTTPError.self) {
            try await HTTPRequest.get("http://127.0.0.1:1/secret", patience: .seconds(5), userAgent: "test")
        }
        #expect(error?.message.isEmpty == false && error?.message.contains("secret") == false, "\(error as Any)")
    }

    @Test func `only web addresses are asked`() async {
        await #expect(throws: HTTPError.self) {
            try await HTTPRequest.get("file:///etc/hostname", patience: .seconds(5), userAgent: "test")
        }
    }
}

/// What was logged.
private final class Lines: LogHandler {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    func log(event: LogEvent) {
        lines.withLock { $0.append("\(event.message)") }
    }
}
