import BookendModel
import Testing

@testable import BookendTransport

struct EndpointTests {
    @Test(arguments: [
        "tcp://host:7401", "tcp://127.0.0.1:*", "tcp://*:7401", "tcp://[::1]:7401", "tcp://[fe80::1%eth0]:1",
        "ipc:///run/bookend/control.sock", "inproc://x",
    ])
    func `an address is taken and spelled the same`(text: String) throws {
        #expect(try Endpoint(text).description == text)
    }

    @Test(arguments: [
        "", "host:7401", "tcp://host", "tcp://host:", "tcp://host:0", "tcp://host:65536", "tcp://host:+1", "tcp://:1",
        "tcp://::1:7401", "tcp://[host]:1", "tcp://a b:1", "tcp://a;b:1", "udp://host:1", "ipc://relative", "ipc://",
        "ipc:///" + String(repeating: "x", count: 108), "inproc://", "inproc://zeromq.zap.01",
    ])
    func `what is no address is refused by name`(text: String) throws {
        let error = #expect(throws: TransportError.self) { try Endpoint(text) }
        #expect(error?.code == .invalidEndpoint)
        #expect(error?.message.hasPrefix("\"\(text)\" is not an address: ") == true)
    }

    @Test func `there is no TCP without keys, nor keys without TCP`() throws {
        let keys = try CurveKeyPair.generate()
        let tcp = try Endpoint("tcp://127.0.0.1:7401")
        let unix = try Endpoint("ipc:///run/x")
        let server = Guard.curveServer(keys, admitting: KeyRing())
        let client = Guard.curveClient(ClientKeys(keys), server: keys.publicKey)
        for plan in [
            SocketPlan(.router, tcp, .local), SocketPlan(.dealer, tcp, .local), SocketPlan(.router, tcp, client),
            SocketPlan(.dealer, tcp, server), SocketPlan(.router, unix, server), SocketPlan(.dealer, unix, client),
        ] {
            let error = #expect(throws: TransportError.self) { try plan.check() }
            #expect(error?.code == .insecure)
        }
        for text in ["tcp://*:1", "tcp://host:*"] {
            let error = #expect(throws: TransportError.self) {
                try SocketPlan(.dealer, try Endpoint(text), client).check()
            }
            #expect(error?.code == .invalidEndpoint)
        }
    }
}

struct BackoffTests {
    @Test func `the ceiling grows with the waiting up to the limit, and a reset starts again`() {
        var random = SystemRandomNumberGenerator()
        var backoff = Backoff()
        var waited = Duration.zero
        for _ in 0..<200 {
            #expect(backoff.ceiling == min(.seconds(60), .seconds(1) + waited))
            let delay = backoff.next(using: &random)
            #expect(delay >= .zero && delay <= min(.seconds(60), .seconds(1) + waited))
            waited += delay
        }
        #expect(backoff.ceiling == .seconds(60))
        backoff.reset()
        #expect(backoff.ceiling == .seconds(1))
    }

    @Test(arguments: [(2, 5), (10, 21), (600, 660)])
    func `nobody is away for much longer than its server was`(outage: Int, back: Int) {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var backoff = Backoff()
            var now = Duration.zero
            while now < .seconds(outage) { now += backoff.next(using: &random) }
            #expect(now <= .seconds(back))
        }
    }

    @Test func `delays are spread over the whole range`() {
        var random = SystemRandomNumberGenerator()
        let delays = (0..<4_000).map { _ in
            var backoff = Backoff(first: .milliseconds(400))
            return backoff.next(using: &random).milliseconds / 100
        }
        for quarter in 0..<4 as Range<Int64> { #expect(delays.count { $0 == quarter } > 800) }
    }
}
