import Foundation

/// A directory that is there for the time of a call.
package enum TemporaryDirectory {
    package static func with<Value>(_ body: (String) throws -> Value) throws -> Value {
        let path = try make()
        defer { remove(path) }
        return try body(path)
    }

    package static func with<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let path = try make()
        defer { remove(path) }
        return try await body(path)
    }

    /// For what outlives a call. The path is short, as that of a Unix socket has at most 107 bytes.
    package static func make() throws -> String {
        let name = "bookend-test-\(UInt64.random(in: .min ... .max))"
        let path = FileManager.default.temporaryDirectory.appending(path: name).path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        return path
    }

    package static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)  // A leftover in the temporary directory harms nobody.
    }
}
