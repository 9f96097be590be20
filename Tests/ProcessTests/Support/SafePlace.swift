import Foundation
import Glibc

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
