import Foundation

/// The files under `deploy/`, as they are in the source tree.
enum Deploy {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("deploy")

    static func bytes(_ path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: folder.appendingPathComponent(path)))
    }

    static func policies() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("examples/policies").path)
            .filter { $0.hasSuffix(".yaml") }.map { "examples/policies/" + $0 }.sorted()
    }
}
