import BookendDaemon
import BookendModel
import BookendTestSupport
import BookendTransport
import Logging
import Testing

@testable import BookendCoordinator

/// A coordinator that cannot prove that it refuses whom nobody enrolled does not run.
@Suite(.timeLimit(.minutes(5))) struct StrangerTests {
    /// Runs one whose doors are all on TCP, until it says that it is ready.
    ///
    /// - Parameter leak: The door that lets everybody in: sync, broadcast, control; another number: none does.
    private func start(leak: Int) async throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let keys = try CurveKeyPair.generate()
        let alice = try CurveKeyPair.generate()
        CoordinatorStage.write("\(alice.publicKey) operator/alice role=admin\n", to: directory + "/keys")
        let anywhere = try Endpoint("tcp://127.0.0.1:*")
        let service = CoordinatorService(
            endpoints: CoordinatorEndpoints(sync: anywhere, broadcast: anywhere, control: anywhere),
            rules: CoordinatorRules(), network: LeakyNetwork(try SocketThread(), leak: leak), keys: keys,
            keyFile: try WatchedKeyFile(path: directory + "/keys"), store: InMemoryPolicyStore(), clock: SystemClock(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                defer { isReady.finish() }
                try await service.run { _ in isReady.yield() }
            }
            for await _ in ready { group.cancelAll() }
            try await group.waitForAll()
        }
    }

    @Test(arguments: 0..<3) func `a coordinator of which one door lets everybody in refuses to start`(
        door: Int
    ) async throws {
        await #expect {
            try await start(leak: door)
        } throws: {
            ($0 as? TransportError)?.code == .strangerAdmitted
        }
    }

    @Test func `one that refuses strangers at all of them starts`() async throws {
        try await start(leak: 3)
    }
}
