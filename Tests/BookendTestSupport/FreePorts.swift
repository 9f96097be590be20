import Foundation
import Glibc
import Synchronization

/// Ports of the loopback interface that nobody uses, and that no outgoing connection gets: one that the kernel gives away by
/// itself may be another connection's by the time it is bound again.
package enum FreePorts {
    package struct None: Error {}

    /// Those that were found before: who uses them may be stopped just now, and come back to its own.
    private static let given = Mutex<Set<UInt16>>([])
    private static let candidates: ClosedRange<UInt16> = {
        let range = try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
        let first = range?.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) } ?? 32_768
        return first > 12_000 ? 10_000...first - 1 : 61_000...65_535
    }()

    /// - Throws: ``None`` when a thousand in a row are taken.
    package static func find(_ count: Int) throws -> [UInt16] { try (0..<count).map { _ in try find() } }

    package static func find() throws -> UInt16 {
        for _ in 0..<1_000 {
            let port = UInt16.random(in: candidates)
            if given.withLock({ $0.insert(port).inserted }), isFree(port) { return port }
        }
        throw None()
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
