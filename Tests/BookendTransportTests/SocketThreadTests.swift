import BookendModel
import Dispatch
import Glibc
import Testing

@testable import BookendTransport

/// What is true of ZeroMQ alone.
@Suite(.timeLimit(.minutes(5)))
struct SocketThreadTests {
    @Test func `the check that strangers are refused passes on our own server`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let thread = try #require(stage.server as? SocketThread)
            try await thread.checkThatStrangersAreRefused(at: router.endpoint, server: stage.serverKeys.publicKey)
        }
    }

    @Test func `the check fails where nobody answers`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            await router.close()
            let thread = try SocketThread()
            await #expect {
                try await thread.checkThatStrangersAreRefused(at: router.endpoint, server: stage.serverKeys.publicKey)
            } throws: {
                ($0 as? TransportError)?.code == .unavailable
            }
            await thread.stop()
        }
    }

    @Test func `a frame over the limit costs its sender the connection, and nobody else`() async throws {
        try await Stage.with(.curve) { stage in
            var limits = SocketLimits()
            limits.frameBytes = 10_000
            let router = try await stage.serve(.router, limits: limits)
            let large = try await stage.connect(.dealer, to: router, as: "agent/large")
            let small = try await stage.connect(.dealer, to: router, as: "agent/small")
            var events = large.connectionEvents.makeAsyncIterator()
            #expect(await events.next() == .connected)
            large.send([Frame(repeating: 1, count: 20_000)])
            let loss = await events.next()
            if case .lost(.disconnected, .some) = loss {
            } else {
                Issue.record("expected a loss, got \(String(describing: loss))")
            }
            #expect(await events.next() == .connected)
            small.send([frame("small")])
            var reader = Reader(router)
            #expect(try await reader.message().frames == [frame("small")])
            large.send([frame("sorry")])
            #expect(try await reader.message().frames == [frame("sorry")])
        }
    }

    @Test func `what arrived before the end of a connection is read, however late`() async throws {
        try await Stage.with(.curve) { stage in
            let first = try stage.network()
            let router = try await stage.serve(.router, on: first)
            let keys = try CurveKeyPair.generate()
            stage.ring.enroll(EnrolledKey(key: keys.publicKey, identity: try #require(PeerIdentity("agent/web-1"))))
            let client = try stage.network()
            let dealer = try await client.open(
                SocketPlan(
                    .dealer, router.endpoint, .curveClient(ClientKeys(keys), server: stage.serverKeys.publicKey),
                    retry: Backoff(first: .seconds(1), limit: .seconds(1))))
            dealer.send([frame("hello")])
            var asked = Reader(router)
            let route = try #require(try await asked.message().route)

            // The client's thread has something else to do.
            let (isHeld, holds) = AsyncStream<Void>.makeStream()
            let release = DispatchSemaphore(value: 0)
            let door = try await client.open(
                SocketPlan(
                    .publisher(welcome: nil) { _, _ in
                        holds.yield()
                        release.wait()
                        return true
                    }, try Endpoint("ipc://\(stage.folder)/door"), .local))
            let other = try stage.network()
            _ = try await other.open(SocketPlan(.subscriber(topics: [frame("a")]), door.endpoint, .local))
            for await _ in isHeld { break }
            let count = 600
            for number in 0..<count { router.send([frame("\(number)")], to: route) }
            // Returns when all is sent; its end comes right behind.
            await first.stop()
            try await Task.sleep(for: .milliseconds(200))
            release.signal()

            #expect(await dealer.connectionEvents.first { $0.isLoss } != nil)
            let received = dealer.statistics.received
            #expect(received == count)
            var reader = Reader(dealer)
            for number in 0..<received { #expect(try await reader.message().frames == [frame("\(number)")]) }
        }
    }

    @Test func `a message with too many frames is discarded`() async throws {
        try await Stage.with(.unix) { stage in
            let router = try await stage.serve(.router)
            let dealer = try await stage.connect(.dealer, to: router)
            dealer.send(Array(repeating: frame("x"), count: 33))
            dealer.send(Array(repeating: frame("y"), count: 32))
            var reader = Reader(router)
            #expect(try await reader.message().frames[0] == frame("y"))
            #expect(router.statistics.discarded == 1)
        }
    }

    @Test func `stopping in the middle of traffic does not hang`() async throws {
        let stage = try SocketThread()
        let keys = try CurveKeyPair.generate()
        let client = try CurveKeyPair.generate()
        let ring = KeyRing([EnrolledKey(key: client.publicKey, identity: try #require(PeerIdentity("agent/a")))])
        let router = try await stage.open(
            SocketPlan(.router, try Endpoint("tcp://127.0.0.1:*"), .curveServer(keys, admitting: ring)))
        let dealer = try await stage.open(
            SocketPlan(.dealer, router.endpoint, .curveClient(ClientKeys(client), server: keys.publicKey)))
        async let flood: Void = {
            // Until the socket is closed under it: a full outbox takes some later, a closed one never.
            var refusals = 0
            while refusals < 100_000 {
                refusals = dealer.send([Message([Frame(repeating: 0, count: 1_000)])]) == 1 ? 0 : refusals + 1
            }
        }()
        var reader = Reader(router)
        for _ in 0..<1_000 { _ = try await reader.message() }
        let start = ContinuousClock.now
        await stage.stop()
        // Long, as a machine that is busy takes its time for threads to end; one that hangs never returns.
        #expect(ContinuousClock.now - start < .seconds(60))
        await stage.stop()
        await flood
        #expect(!dealer.send([frame("late")]))
        await #expect(throws: SocketThread.hasStopped) {
            _ = try await stage.open(SocketPlan(.router, try Endpoint("inproc://late"), .local))
        }
    }

    @Test func `a Unix socket lets owner and group in, and replaces what a dead server left`() async throws {
        try await Stage.with(.unix) { stage in
            let router = try await stage.serve(.router)
            let path = "\(stage.folder)/socket"
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o660)
            await router.close()
        }
        try await Stage.with(.unix) { stage in
            let path = "\(stage.folder)/socket"
            try leaveStaleSocket(path)
            _ = try await stage.serve(.router)
        }
        try await Stage.with(.unix) { stage in
            try CurveKeyPair.generate().write(secretFile: "\(stage.folder)/key")
            await #expect {
                _ = try await stage.serve(.router, at: try Endpoint("ipc://\(stage.folder)/key"))
            } throws: {
                ($0 as? TransportError)?.code == .addressInUse
            }
        }
    }

    private func leaveStaleSocket(_ path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    @Test func `a port that the system chose can be read`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            guard case .tcp("127.0.0.1", .some(let port)) = router.endpoint.place else {
                Issue.record("no port in \(router.endpoint)")
                return
            }
            #expect(port > 0)
        }
    }

    @Test func `a stopped thread leaves no descriptor behind`() async throws {
        func count() -> Int {
            guard let folder = opendir("/proc/self/fd") else { return -1 }
            defer { closedir(folder) }
            var count = 0
            while readdir(folder) != nil { count += 1 }
            return count
        }
        try await Stage.with(.curve) { _ in }
        // Other suites run beside this one and open descriptors of their own: a leak of ours would grow by hundreds.
        let before = count()
        for _ in 0..<50 {
            let thread = try SocketThread()
            let router = try await thread.open(SocketPlan(.router, try Endpoint("inproc://x"), .local))
            let dealer = try await thread.open(SocketPlan(.dealer, router.endpoint, .local))
            dealer.send([frame("x")])
            var reader = Reader(router)
            _ = try await reader.message()
            await thread.stop()
        }
        #expect(count() - before < 200)
    }
}

extension ConnectionEvent {
    fileprivate var isLoss: Bool { if case .lost = self { true } else { false } }
}
