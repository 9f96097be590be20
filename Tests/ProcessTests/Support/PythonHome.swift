import Foundation

/// A Python with pyzmq and protobuf, made once below `.build` and kept.
enum PythonHome {
    private static let folder = SafePlace.checkout + "/.build/python"

    /// The path of its interpreter.
    static func shared() async throws -> String {
        let python = folder + "/bin/python3"
        if try await isUsable(python) { return python }
        // The operating system's own Python will do when it has both.
        if try await isUsable("/usr/bin/python3") { return "/usr/bin/python3" }
        for (program, words) in [
            ("/usr/bin/env", ["python3", "-m", "venv", folder]),
            (
                folder + "/bin/pip",
                ["install", "--quiet", "-r", SafePlace.checkout + "/tools/subscribe-requirements.txt"]
            ),
        ] {
            let end = try await Program.run(
                program, words,
                environment: [
                    "HOME": NSHomeDirectory(), "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
                ].merging(proxies) { $1 })
            guard end.status == 0 else {
                throw Missed(description: "\(program) \(words): \(end.errors)")
            }
        }
        return python
    }

    /// How this machine reaches the package index.
    private static var proxies: [String: String] {
        ProcessInfo.processInfo.environment.filter { key, _ in
            key.hasPrefix("PIP_") || key.lowercased().hasSuffix("_proxy") || key.hasPrefix("SSL_CERT")
        }
    }

    private static func isUsable(_ python: String) async throws -> Bool {
        guard FileManager.default.isExecutableFile(atPath: python) else { return false }
        return try await Program.run(python, ["-c", "import zmq, google.protobuf"]).status == 0
    }
}
