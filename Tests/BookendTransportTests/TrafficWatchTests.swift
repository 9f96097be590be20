import BookendModel
import Glibc
import Testing

@testable import BookendTransport

/// Connections over which much comes and no message.
@Suite struct TrafficWatchTests {
    /// Both ends of a TCP connection on this machine.
    private final class Pair {
        let server: Int32
        let client: Int32
        let port: UInt16

        /// - Parameter port: Of another server's end, to share it.
        init(at other: UInt16 = 0) throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var yes: Int32 = 1
            setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            address.sin_port = other.bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let size = length
            try withUnsafeMutablePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    try #require(bind(listener, pointer, size) == 0 && listen(listener, 1) == 0)
                    try #require(getsockname(listener, pointer, &length) == 0)
                }
            }
            port = UInt16(bigEndian: address.sin_port)
            client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let descriptor = client
            try withUnsafePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try #require(connect(descriptor, $0, size) == 0)
                }
            }
            server = accept(listener, nil, nil)
            try #require(server >= 0)
        }

        deinit {
            close(server)
            close(client)
        }

        /// Sends, and takes it in at the other end.
        func send(_ count: Int) throws {
            var left = count
            var block = [UInt8](repeating: 7, count: 16_384)
            while left > 0 {
                let sent = Glibc.send(client, block, min(left, block.count), Int32(MSG_NOSIGNAL))
                try #require(sent > 0)
                left -= sent
                var taken = 0
                while taken < sent {
                    let got = recv(server, &block, sent - taken, 0)
                    try #require(got > 0)
                    taken += got
                }
            }
        }

        /// The other end has been told that there is no more.
        var isCut: Bool {
            var byte: UInt8 = 0
            return recv(client, &byte, 1, Int32(MSG_DONTWAIT)) == 0
        }
    }

    private let limits = TrafficWatch.Limits(peer: 100_000, all: 250_000)
    private let agent = PeerIdentity("agent/web-1")!

    @Test func `who sends much and no message is cut off, with his address`() throws {
        let pair = try Pair()
        var watch = TrafficWatch()
        try pair.send(100_000)
        #expect(watch.look(port: pair.port, limits: limits, isRead: true).isEmpty && !pair.isCut)
        try pair.send(1)
        let excesses = watch.look(port: pair.port, limits: limits, isRead: true)
        #expect(excesses.map(\.bytes) == [100_001] && excesses.first?.address.hasPrefix("127.0.0.1:") == true)
        #expect(excesses.first?.name == nil)
        #expect(pair.isCut)
        #expect(watch.look(port: pair.port, limits: limits, isRead: true).isEmpty)
    }

    @Test func `a message begins the count again, and the name that came with it is told`() throws {
        let pair = try Pair()
        var watch = TrafficWatch()
        for _ in 0..<5 {
            try pair.send(90_000)
            watch.hear(pair.server, agent)
            #expect(watch.look(port: pair.port, limits: limits, isRead: true).isEmpty)
        }
        try pair.send(100_001)
        let excesses = watch.look(port: pair.port, limits: limits, isRead: true)
        #expect(excesses.first?.name == agent && pair.isCut)
    }

    @Test func `nobody is cut off while nobody reads, nor at another port`() throws {
        let pair = try Pair()
        var watch = TrafficWatch()
        try pair.send(200_000)
        #expect(watch.look(port: pair.port, limits: limits, isRead: false).isEmpty)
        #expect(watch.look(port: pair.port, limits: limits, isRead: true).isEmpty)
        try pair.send(200_000)
        #expect(watch.look(port: pair.port &+ 1, limits: limits, isRead: true).isEmpty && !pair.isCut)
    }

    @Test func `what one peer sends on several connections counts together, and the largest is cut off`() throws {
        let first = try Pair()
        let pairs = [first, try Pair(at: first.port), try Pair(at: first.port)]
        var watch = TrafficWatch()
        for pair in pairs { watch.hear(pair.server, agent) }
        #expect(watch.look(port: first.port, limits: limits, isRead: true).isEmpty)
        for (pair, count) in zip(pairs, [30_000, 60_000, 40_000]) { try pair.send(count) }
        let excesses = watch.look(port: first.port, limits: limits, isRead: true)
        #expect(excesses.map(\.bytes) == [60_000] && excesses.first?.name == agent)
        #expect(pairs.map(\.isCut) == [false, true, false])
    }

    @Test func `those of one address who were never heard count as one`() throws {
        let first = try Pair()
        let pairs = [first, try Pair(at: first.port)]
        var watch = TrafficWatch()
        for pair in pairs { try pair.send(60_000) }
        #expect(watch.look(port: first.port, limits: limits, isRead: true).count == 1)
        #expect(pairs.filter(\.isCut).count == 1)
    }

    @Test func `what all peers send has a bound, too`() throws {
        let first = try Pair()
        let pairs = [first] + (try (0..<3).map { _ in try Pair(at: first.port) })
        var watch = TrafficWatch()
        for (number, pair) in pairs.enumerated() {
            watch.hear(pair.server, PeerIdentity("agent/web-\(number)")!)
        }
        #expect(watch.look(port: first.port, limits: limits, isRead: true).isEmpty)
        for (number, pair) in pairs.enumerated() { try pair.send(70_000 + number) }
        let excesses = watch.look(port: first.port, limits: limits, isRead: true)
        #expect(excesses.map(\.bytes) == [70_003] && pairs[3].isCut && !pairs[2].isCut)
    }

    @Test func `where much is on its way the next look comes soon`() throws {
        let pair = try Pair()
        var watch = TrafficWatch()
        let wide = TrafficWatch.Limits(peer: 4 << 20, all: 4 << 20)
        try pair.send(1 << 20)
        #expect(watch.look(port: pair.port, limits: wide, isRead: true).isEmpty)
        #expect(watch.isPending)
        watch.hear(pair.server, agent)
        #expect(watch.look(port: pair.port, limits: wide, isRead: true).isEmpty)
        #expect(!watch.isPending)
    }
}
