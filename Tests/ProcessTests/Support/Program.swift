import Foundation
import Subprocess
import SystemPackage

/// The real programs, and how they are run to their end.
enum Program {
    /// The folder with the binaries that were built with these tests, or with others (`BOOKEND_TEST_PROGRAMS`): of a release
    /// build.
    static let products: String = {
        if let others = ProcessInfo.processInfo.environment["BOOKEND_TEST_PROGRAMS"] { return others }
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path + "/bookend-supervisor") {
            folder.deleteLastPathComponent()
        }
        return folder.path
    }()

    struct End: Sendable {
        /// The exit status; 128 and the signal's number for a program that a signal ended.
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs a program to its end. A name without a slash is one of ours, or one in `/usr/bin`.
    static func run(
        _ name: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> End {
        let result = try await Subprocess.run(
            .path(FilePath(path(name))), arguments: Arguments(arguments), environment: custom(environment),
            output: .string(limit: 64 << 20), error: .string(limit: 8 << 20))
        return End(
            status: result.terminationStatus.shellNumber, output: result.standardOutput,
            errors: result.standardError)
    }

    static func path(_ name: String) -> String {
        if name.contains("/") { return name }
        return name.hasPrefix("bookend") ? products + "/" + name : "/usr/bin/" + name
    }

    static func custom(_ environment: [String: String]) -> Subprocess.Environment {
        var all = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"]
        all.merge(environment) { $1 }
        return .custom(
            Dictionary(uniqueKeysWithValues: all.map { (Subprocess.Environment.Key(rawValue: $0.key)!, $0.value) }))
    }
}

extension TerminationStatus {
    var shellNumber: Int32 {
        switch self {
        case .exited(let code): Int32(code)
        case .signaled(let number): 128 + Int32(number)
        }
    }
}
