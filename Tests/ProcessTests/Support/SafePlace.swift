import Foundation
import Glibc
import Synchronization

/// Where fleets may lie: below directories that only root and this user can write, as agents demand of their scripts.
enum SafePlace {
    /// A new directory of this user alone.
    ///
    /// - Parameter parent: Where it is made; nil: at the first place that is safe.
    static func make(_ name: String, below parent: String? = nil) throws -> String {
        let candidates =
            parent.map { [$0] } ?? [
                checkout + "/.build/fleets", NSHomeDirectory() + "/.cache/bookend-tests", "/var/lib/bookend-tests",
            ]
        for candidate in candidates {
            do {
                try FileManager.default.createDirectory(
                    atPath: candidate, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                continue  // The next one may do.
            }
            guard isSafe(candidate) else { continue }
            let path = "\(candidate)/\(name)-\(getpid())-\(UInt32.random(in: 0 ... .max))"
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            return path
        }
        throw Missed(
            description: "no directory is safe for scripts: tried \(candidates.joined(separator: ", "))")
    }

    /// The folder with Package.swift.
    static let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    private static func isSafe(_ path: String) -> Bool {
        var path = path
        while true {
            var place = stat()
            guard stat(path, &place) == 0, place.st_uid == 0 || place.st_uid == geteuid(), place.st_mode & 0o022 == 0
            else { return false }
            if path == "/" { return true }
            path = URL(fileURLWithPath: path).deletingLastPathComponent().path
        }
    }
}

/// Ports of the loopback interface that nobody listens on.
enum FreePorts {
    /// Those that were found before: the daemon of another fleet may be stopped just now, and come back to its own.
    private static let given = Mutex<Set<UInt16>>([])

    static func find(_ count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var ports: [UInt16] = []
        // All stay open until all are found: no port comes twice.
        while ports.count < count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let port = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
                }
            }
            guard port, sockets.count < 1_000 else { throw Missed(description: "no free port") }
            let number = UInt16(bigEndian: address.sin_port)
            if given.withLock({ $0.insert(number).inserted }) { ports.append(number) }
        }
        return ports
    }
}
