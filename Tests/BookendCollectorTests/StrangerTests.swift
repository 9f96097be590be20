import BookendDaemon
import BookendFiles
import BookendTestSupport
import BookendTransport
import Logging
import Testing

@testable import BookendCollector

/// A collector that cannot prove that it refuses whom nobody enrolled does not run.
@Suite(.timeLimit(.minutes(5))) struct StrangerTests {
    @Test(arguments: 0..<3) func `a collector of which one door lets everybody in refuses to start`(
        door: Int
    ) async throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        var configuration = CollectorConfiguration()
        (configuration.intake, configuration.feed, configuration.query) = (
            "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"
        )
        configuration.localFeed = "ipc://\(directory)/f"
        let log = LogLines()
        let collector = Collector(
            configuration: configuration, network: LeakyNetwork(try SocketThread(), leak: door),
            keys: try CurveKeyPair.generate(), ring: KeyRing(), store: InMemoryReportStore(), clock: SystemClock(),
            logger: Logger(label: "test") { _ in KeptLog(lines: log) })
        await #expect {
            try await collector.run()
        } throws: {
            ($0 as? TransportError)?.code == .strangerAdmitted
        }
        #expect(log.all(with: "collector is ready").isEmpty)
    }
}
