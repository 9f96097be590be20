import BookendModel
import BookendTestSupport
import Glibc
import Synchronization
import Testing

@testable import BookendTransport

/// What every implementation of a socket keeps.
@Suite(.timeLimit(.minutes(5)))
struct SocketContractTests {
    @Test(arguments: Medium.allCases)
    func `a message comes back whole, with all its frames`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let dealer = try await stage.connect(.dealer, to: router)
            async let served: Void = echo(router)
            let frames = [frame("a"), [], Frame(repeating: 7, count: 100_000), frame("end")]
            #expect(dealer.send(frames))
            var reader = Reader(dealer)
            let answer = try await reader.message()
            #expect(answer.frames == frames)
            #expect(answer.route == nil)
            await router.close()
            await served
        }
    }

    @Test(arguments: Medium.allCases)
    func `messages of one peer keep their order`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let dealers = [
                try await stage.connect(.dealer, to: router, as: "agent/a"),
                try await stage.connect(.dealer, to: router, as: "agent/b"),
            ]
            for (index, dealer) in dealers.enumerated() {
                for number in 0..<500 { #expect(dealer.send([frame("\(index)"), frame("\(number)")])) }
            }
            var reader = Reader(router)
            var next = [0, 0]
            var routes: [Int: Set<Route>] = [:]
            for _ in 0..<1_000 {
                let message = try await reader.message()
                let index = try #require(Int(message.frames[0].text))
                #expect(message.frames[1].text == "\(next[index])")
                next[index] += 1
                routes[index, default: []].insert(try #require(message.route))
            }
            #expect(next == [500, 500])
            #expect(routes[0]?.count == 1)
            #expect(routes[1]?.count == 1)
            #expect(routes[0] != routes[1])
        }
    }

    @Test(arguments: Medium.proving)
    func `a message carries the name that its key was enrolled with`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let keys = try CurveKeyPair.generate()
            let dealer = try await stage.connect(.dealer, to: router, as: "operator/alice", keys: keys)
            dealer.send([frame("I am agent/web-1")])
            var reader = Reader(router)
            let delivery = try await reader.event { _ in true }
            #expect(delivery.peer == PeerIdentity("operator/alice"))
            #expect(delivery.sender?.key == keys.publicKey)
        }
    }

    @Test(arguments: Medium.proving)
    func `a key that is not enrolled is refused, and nothing of it comes in`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let stranger = try await stage.connect(.dealer, to: router, isEnrolled: false, retry: nil)
            stranger.send([frame("let me in")])
            let event = await stranger.connectionEvents.first { _ in true }
            #expect(event == .lost(.refused, retryIn: nil))
            var end = Reader(stranger)
            #expect(await end.next() == nil)

            let friend = try await stage.connect(.dealer, to: router)
            friend.send([frame("hello")])
            var reader = Reader(router)
            #expect(try await reader.message().frames == [frame("hello")])
            #expect(router.statistics.received == 1)
        }
    }

    @Test(arguments: Medium.proving)
    func `a connection of a revoked key is no longer heard`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let keys = try CurveKeyPair.generate()
            let revoked = try await stage.connect(.dealer, to: router, as: "agent/a", keys: keys)
            let other = try await stage.connect(.dealer, to: router, as: "agent/b")
            var reader = Reader(router)
            revoked.send([frame("before")])
            let before = try await reader.event { _ in true }
            let sender = try #require(before.sender)
            #expect(stage.ring.isAdmitted(sender))

            stage.ring.revoke(keys.publicKey)
            // The name gets a new key: that does not bring the old connection back.
            let identity = try #require(PeerIdentity("agent/a"))
            stage.ring.enroll(EnrolledKey(key: try CurveKeyPair.generate().publicKey, identity: identity))
            #expect(!stage.ring.isAdmitted(sender))
            revoked.send([frame("after")])
            while router.statistics.fromRevoked == 0 { await Task.yield() }
            other.send([frame("other")])
            #expect(try await reader.message().frames == [frame("other")])
        }
    }

    @Test(arguments: Medium.proving)
    func `a client that takes another server for its own never connects`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let keys = try CurveKeyPair.generate()
            stage.ring.enroll(EnrolledKey(key: keys.publicKey, identity: try #require(PeerIdentity("agent/a"))))
            let dealer = try await stage.network().open(
                SocketPlan(
                    .dealer, router.endpoint,
                    .curveClient(ClientKeys(keys), server: try CurveKeyPair.generate().publicKey),
                    retry: nil))
            let event = await dealer.connectionEvents.first { _ in true }
            #expect(event == .lost(.handshakeFailed, retryIn: nil))
        }
    }

    @Test(arguments: Medium.allCases)
    func `a subscriber hears its topics and no others`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let publisher = try await stage.serve(.publisher(welcome: frame("welcome"), authorize: nil))
            let topics = [frame("a/"), frame("welcome")]
            let subscriber = try await stage.connect(.subscriber(topics: topics), to: publisher)
            var events = Reader(publisher)
            for _ in topics {
                _ = try await events.event { if case .subscribed = $0 { true } else { false } }
            }
            for topic in ["b/", "a/", "ab/", "a/"] { publisher.send([frame(topic), frame("news")]) }
            var reader = Reader(subscriber)
            #expect(try await reader.message().frames == [frame("welcome")])
            for _ in 0..<2 { #expect(try await reader.message().frames == [frame("a/"), frame("news")]) }
            await subscriber.close()
            let end = try await events.event { if case .unsubscribed(frame("a/")) = $0 { true } else { false } }
            #expect(end.message == nil)
        }
    }

    @Test(arguments: Medium.proving)
    func `a peer subscribes only to what it is authorized for`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let publisher = try await stage.serve(
                .publisher(welcome: nil) { peer, topic in peer.map { topic == frame("\($0)/") } ?? false })
            let mine = frame("agent/a/")
            let subscriber = try await stage.connect(
                .subscriber(topics: [frame(""), frame("agent/b/"), mine]), to: publisher, as: "agent/a")
            var events = Reader(publisher)
            let granted = try await events.event { _ in true }
            #expect(granted.event == .subscribed(topic: mine))
            #expect(granted.peer == PeerIdentity("agent/a"))
            publisher.send([frame("agent/b/"), frame("not for a")])
            publisher.send([mine, frame("for a")])
            var reader = Reader(subscriber)
            #expect(try await reader.message().frames == [mine, frame("for a")])
            #expect(publisher.statistics.unauthorized == 2)
            var told: Int64 = 0
            for await case .fault(let fault) in publisher.connectionEvents {
                #expect(fault.kind == .topic && fault.peer == PeerIdentity("agent/a"))
                told += fault.times
                if told >= 2 { break }
            }
            #expect(told == 2)
        }
    }

    @Test(arguments: Medium.allCases)
    func `an answer to nobody comes back as undeliverable`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let lost = Message([frame("anyone?")], to: Route([0, 1, 2, 3, 4]))
            #expect(router.send([lost]) == 1)
            var reader = Reader(router)
            #expect(try await reader.event { _ in true } == Delivery(.undeliverable(lost)))
            #expect(router.statistics.undeliverable == 1)
        }
    }

    @Test(arguments: Medium.allCases)
    func `a consumer that is behind holds its peer up, and nothing is lost`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            var limits = SocketLimits()
            limits.inboundMessages = 50
            limits.outboxMessages = 100
            limits.sendQueue = 10
            limits.receiveQueue = 10
            // Who reads nothing answers no heartbeat either, and a busy machine may need longer than one.
            limits.heartbeat = .seconds(600)
            let router = try await stage.serve(.router, limits: limits)
            let dealer = try await stage.connect(.dealer, to: router, limits: limits)
            _ = await dealer.connectionEvents.first { $0 == .connected }
            let taken = await fill(dealer)
            #expect(taken >= 100)
            #expect(router.statistics.received <= 50)
            var reader = Reader(router)
            for number in 0..<taken {
                #expect(try await reader.message().frames[0].text == "\(number)")
            }
            #expect(reader.largestBatch <= 50)
            #expect(dealer.send([frame("room again")]))
            #expect(try await reader.message().frames == [frame("room again")])
        }
    }

    /// Sends until nothing moves any more: the outbox refuses, and stays full for a while.
    private func fill(_ dealer: any MessageSocket) async -> Int {
        var taken = 0
        var refusals = 0
        while refusals < 2_000 {
            let filler = Frame(repeating: UInt8(truncatingIfNeeded: taken), count: 20_000)
            if dealer.send([frame("\(taken)"), filler]) {
                taken += 1
                refusals = 0
            } else {
                refusals += 1
                await Task.yield()
            }
        }
        return taken
    }

    @Test(arguments: Medium.allCases)
    func `what waits when a connection is lost is lost with it`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            var limits = SocketLimits()
            limits.inboundMessages = 10
            limits.outboxMessages = 100
            limits.sendQueue = 10
            limits.receiveQueue = 10
            let first = try stage.network(PeerIdentity("coordinator/main"))
            let router = try await stage.serve(.router, limits: limits, on: first)
            let dealer = try await stage.connect(.dealer, to: router, limits: limits)
            var events = dealer.connectionEvents.makeAsyncIterator()
            #expect(await events.next() == .connected)
            _ = await fill(dealer)
            await first.stop()
            // On a busy machine it may have been lost, and filled again, before.
            var isTaken = false
            while !isTaken, await events.next() != nil { isTaken = dealer.send([frame("fresh")]) }
            #expect(isTaken)
            let second = try await stage.serve(.router, at: router.endpoint)
            var reader = Reader(second)
            #expect(try await reader.message().frames == [frame("fresh")])
        }
    }

    @Test(arguments: Medium.allCases)
    func `ten thousand messages come back`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let dealer = try await stage.connect(.dealer, to: router)
            async let served: Void = echo(router)
            async let sent: Void = {
                var rest = (0..<10_000).map { Message([frame("\($0)")]) }[...]
                while !rest.isEmpty {
                    rest = rest.dropFirst(dealer.send(Array(rest.prefix(100))))
                    await Task.yield()
                }
            }()
            var reader = Reader(dealer)
            for number in 0..<10_000 { #expect(try await reader.message().frames[0].text == "\(number)") }
            await sent
            await router.close()
            await served
        }
    }

    @Test(arguments: Medium.allCases)
    func `a client finds its server again when that comes back`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let first = try stage.network(PeerIdentity("coordinator/main"))
            let router = try await stage.serve(.router, on: first)
            let dealer = try await stage.connect(.dealer, to: router)
            var events = dealer.connectionEvents.makeAsyncIterator()
            #expect(await events.next() == .connected)
            await first.stop()
            let loss = await events.next()
            if case .lost(.disconnected, .some) = loss {
            } else {
                Issue.record("expected a loss, got \(String(describing: loss))")
            }
            #expect(!dealer.statistics.isConnected)
            let second = try await stage.serve(.router, at: router.endpoint)
            while let event = await events.next(), event != .connected {}
            dealer.send([frame("I am back")])
            var reader = Reader(second)
            #expect(try await reader.message().frames == [frame("I am back")])
        }
    }

    @Test(arguments: Medium.allCases)
    func `what is sent before the connection is up waits for it`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let first = try stage.network(PeerIdentity("coordinator/main"))
            let place = try await stage.serve(.router, on: first)
            await first.stop()
            let dealer = try await stage.connect(.dealer, to: place)
            #expect(dealer.send([frame("early")]))
            let router = try await stage.serve(.router, at: place.endpoint)
            var reader = Reader(router)
            #expect(try await reader.message().frames == [frame("early")])
        }
    }

    /// Somebody accepts the connection, never shakes hands, and goes away.
    @Test func `what is sent while an attempt to connect is on its way outlives it when it fails`() async throws {
        try await Stage.with(.curve) { stage in
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = try FreePorts.find().bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isListening = withUnsafeMutablePointer(to: &address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &size) == 0
                }
            }
            try #require(isListening)
            let place = try Endpoint("tcp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))")

            let keys = try CurveKeyPair.generate()
            stage.ring.enroll(EnrolledKey(key: keys.publicKey, identity: try #require(PeerIdentity("agent/web-1"))))
            let network = try stage.network()
            let plan = SocketPlan(
                .dealer, place, .curveClient(ClientKeys(keys), server: stage.serverKeys.publicKey),
                retry: Backoff(first: .milliseconds(5), limit: .seconds(2)))
            let dealer = try await network.open(plan)
            let connection = accept(listener, nil, nil)
            #expect(dealer.send([frame("early")]))
            // When the second of these is open, the thread has seen what was sent.
            for _ in 0..<2 { try await network.open(plan).close() }
            close(connection)
            close(listener)
            let event = await dealer.connectionEvents.first { _ in true }
            #expect(event != .connected && event != nil)
            var reader = Reader(try await stage.serve(.router, at: place))
            #expect(try await reader.message().frames == [frame("early")])
        }
    }

    @Test(arguments: Medium.allCases)
    func `closing ends the deliveries, takes no more, and may be done twice`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            async let end: Delivery? = {
                var reader = Reader(router)
                return await reader.next()
            }()
            await router.close()
            await router.close()
            #expect(await end == nil)
            #expect(!router.send([frame("late")], to: Route([1])))
        }
    }

    @Test(arguments: Medium.allCases)
    func `two servers cannot have one address`(medium: Medium) async throws {
        try await Stage.with(medium) { stage in
            let router = try await stage.serve(.router)
            let other = try stage.network(PeerIdentity("collector/main"))
            await #expect { _ = try await stage.serve(.router, at: router.endpoint, on: other) } throws: {
                ($0 as? TransportError)?.code == .addressInUse
            }
        }
    }
}
