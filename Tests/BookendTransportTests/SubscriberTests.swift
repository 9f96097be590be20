import BookendModel
import CZeroMQ
import Synchronization
import Testing

@testable import BookendTransport

/// Subscribers with an enrolled key that mean ill.
@Suite(.timeLimit(.minutes(5))) struct SubscriberTests {
    /// Publishes to each peer what begins with its name. Whoever subscribes to `agent/door/` holds the socket's thread up.
    private func serve(_ stage: Stage, _ door: Door) async throws -> any MessageSocket {
        try await stage.serve(
            .publisher(welcome: nil) { peer, topic in
                if topic == frame("agent/door/") { door.pass() }
                return peer.map { topic == frame("\($0)/") } ?? false
            })
    }

    /// Subscribes to something that is refused: then the connection is known to the server.
    private func introduce(_ peers: [RawPeer], to publisher: any MessageSocket) async {
        for peer in peers { peer.subscribe("hello") }
        while publisher.statistics.unauthorized < peers.count { await Task.yield() }
    }

    /// libzmq loses count of whose subscription it is asked to grant. All of this is in its queue at once.
    @Test(arguments: [[[0x55]], [[]], [[0x55], [1, 0x61]], [[0x55], [0x55], [0x55]]] as [[Frame]])
    func `what is no subscription gives nobody the topic of another`(stray: [Frame]) async throws {
        try await Stage.with(.curve) { stage in
            let door = Door()
            let publisher = try await serve(stage, door)
            try await RawPeers.with(stage, publisher) { peers in
                let thief = [try peers.connect(as: "agent/a"), try peers.connect(as: "agent/a")]
                let victim = try peers.connect(as: "agent/b")
                let holder = try peers.connect(as: "agent/door")
                await introduce(thief + [victim, holder], to: publisher)

                holder.subscribe("agent/door/")
                await door.isReached()
                await peers.arrive { #expect(thief[0].socket.send(Message(stray)) == .sent) }
                await peers.arrive { victim.subscribe("agent/b/") }
                await peers.arrive { thief[1].subscribe("agent/a/") }
                door.open()

                let isOver = Mutex(false)
                async let granted: Void = {
                    defer { isOver.withLock { $0 = true } }
                    var events = Reader(publisher)
                    var awaited: Set<Frame> = [frame("agent/a/"), frame("agent/b/")]
                    while !awaited.isEmpty {
                        let event = try await events.event { if case .subscribed = $0 { true } else { false } }.event
                        if case .subscribed(let topic) = event { awaited.remove(topic) }
                    }
                }()
                while !isOver.withLock({ $0 }) {
                    peers.tend()
                    await Task.yield()
                }
                try await granted
                publisher.send([frame("agent/b/"), frame("secret")])
                publisher.send([frame("agent/a/"), frame("own")])
                #expect(await thief[1].messages(through: "own") == ["own"])
                #expect(await victim.messages(through: "secret") == ["secret"])
                let fault = await publisher.connectionEvents.first {
                    if case .fault(let fault) = $0 { fault.kind == .stray } else { false }
                }
                guard case .fault(let told) = fault else { return }
                #expect(told.peer == PeerIdentity("agent/a") && told.address == "127.0.0.1")
            }
        }
    }

    /// libzmq keeps the address of a connection that has ended, at which another one may be.
    @Test func `a subscription over a connection that has ended is granted to nobody`() async throws {
        try await Stage.with(.curve) { stage in
            let door = Door()
            let publisher = try await serve(stage, door)
            try await RawPeers.with(stage, publisher) { peers in
                let gone = try peers.connect(as: "agent/b")
                let stays = try peers.connect(as: "agent/c")
                let holder = try peers.connect(as: "agent/door")
                await introduce([gone, stays, holder], to: publisher)

                holder.subscribe("agent/door/")
                await door.isReached()
                await peers.arrive { gone.subscribe("agent/b/") }
                let before = peers.connections
                peers.close(gone)
                while peers.connections == before { await Task.yield() }
                await peers.arrive { stays.subscribe("agent/c/") }
                door.open()

                var events = Reader(publisher)
                var granted: [Delivery.Event] = []
                while granted.last != .subscribed(topic: frame("agent/c/")) {
                    granted.append(try await events.event { if case .subscribed = $0 { true } else { false } }.event)
                }
                #expect(
                    granted == [.subscribed(topic: frame("agent/door/")), .subscribed(topic: frame("agent/c/"))])
            }
        }
    }

    @Test func `a subscription that is repeated is told once, and again when it had been taken back`() async throws {
        try await Stage.with(.curve) { stage in
            let publisher = try await serve(stage, Door())
            try await RawPeers.with(stage, publisher) { peers in
                let agent = try peers.connect(as: "agent/a")
                for _ in 0..<100 { agent.subscribe("agent/a/") }
                // libzmq's own end counts, and takes it back with the last.
                for _ in 0..<100 { agent.send([0] + "agent/a/".utf8) }
                for _ in 0..<100 { agent.subscribe("agent/a/") }
                let other = try peers.connect(as: "agent/b")
                await introduce([agent, other], to: publisher)
                other.subscribe("agent/b/")

                var events = Reader(publisher)
                var told: [Delivery.Event] = []
                while told.last != .subscribed(topic: frame("agent/b/")) {
                    told.append(try await events.event { _ in true }.event)
                }
                let topic = frame("agent/a/")
                #expect(
                    told.dropLast() == [
                        .subscribed(topic: topic), .unsubscribed(topic: topic), .subscribed(topic: topic),
                    ])
                #expect(publisher.statistics.unauthorized == 2)
            }
        }
    }

    @Test func `who subscribes without an end is cut off and named`() async throws {
        try await Stage.with(.curve) { stage in
            let publisher = try await serve(stage, Door())
            try await RawPeers.with(stage, publisher) { peers in
                let agent = try peers.connect(as: "agent/a", comesAgain: false)
                for _ in 0...SubscriberBook.frameLimit { agent.subscribe("agent/a/") }
                let fault = await publisher.connectionEvents.first {
                    if case .fault(let fault) = $0 { fault.kind == .flood } else { false }
                }
                guard case .fault(let told) = fault else { return }
                #expect(told.peer == PeerIdentity("agent/a") && told.detail == "agent/a/")
                while peers.connections > 0 { await Task.yield() }
            }
        }
    }

    /// libzmq keeps each byte of a topic in a node of a tree.
    @Test func `a topic that is longer than any name ends the connection`() async throws {
        try await Stage.with(.curve) { stage in
            let publisher = try await serve(stage, Door())
            try await RawPeers.with(stage, publisher) { peers in
                let agent = try peers.connect(as: "agent/a", comesAgain: false)
                await introduce([agent], to: publisher)
                agent.subscribe(String(repeating: "x", count: 10_000))
                while peers.connections > 0 { await Task.yield() }
                #expect(publisher.statistics.unauthorized == 1)
            }
        }
    }

    @Test(arguments: [frame("mine"), [1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    func `a routing id of a peer's own choice is not heard`(route: Frame) async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            try await RawPeers.with(stage, router) { peers in
                let chooser = try peers.connect(ZMQ_DEALER, as: "agent/a", route: route, comesAgain: false)
                chooser.send(frame("from nowhere"))
                let fault = await router.connectionEvents.first {
                    if case .fault(let fault) = $0 { fault.kind == .route } else { false }
                }
                guard case .fault(let told) = fault else { return }
                #expect(told.peer == PeerIdentity("agent/a"))
                while peers.connections > 0 { await Task.yield() }
                let honest = try peers.connect(ZMQ_DEALER, as: "agent/b")
                honest.send(frame("hello"))
                var reader = Reader(router)
                #expect(try await reader.message().frames == [frame("hello")])
            }
        }
    }

    @Test func `a connection has so many topics, and those that it takes back make room`() {
        var book = SubscriberBook()
        var entries = (0..<SubscriberBook.topicLimit).map { book.add(frame("\($0)"), of: 7) }
        #expect(entries.allSatisfy { $0 == .new })
        entries = [book.add(frame("0"), of: 7), book.add(frame("x"), of: 7), book.add(frame("x"), of: 8)]
        #expect(entries == [.known, .tooMany, .new])
        book.remove(frame("0"), of: 7)
        entries = [book.add(frame("x"), of: 7)]
        // The number is given to another connection.
        book.noteEnd(of: 7)
        entries.append(book.add(frame("x"), of: 7))
        #expect(entries == [.new, .new])
        #expect(!book.isSure(of: 7) && book.isSure(of: 8))
        book.noteStray()
        #expect(!book.isSure(of: 8))
        book.noteEmpty()
        #expect(book.isSure(of: 7) && book.isSure(of: 8))
    }

    @Test func `of many faults some are told apart, and none goes uncounted`() {
        var count = FaultCount()
        for number in 1...100 {
            count.note(PeerFault(.topic, by: PeerIdentity("agent/a-\(number)"), at: "192.0.2.1", "x"))
            count.note(PeerFault(.topic, by: PeerIdentity("agent/a-1"), at: "192.0.2.1", "x"))
        }
        let told = count.take()
        #expect(told.count == FaultCount.limit + 1)
        #expect(told.reduce(0) { $0 + $1.times } == 200)
        #expect(told.first { $0.peer == PeerIdentity("agent/a-1") }?.times == 101)
        #expect(count.isEmpty)
    }
}
