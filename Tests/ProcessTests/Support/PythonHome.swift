import Foundation

/// A Python with what a test needs, made once below `.build` and kept.
enum PythonHome {
    /// The path of an interpreter with pyzmq and protobuf.
    static func shared() async throws -> String {
        try await make("python", "subscribe-requirements.txt", modules: "zmq, google.protobuf")
    }

    /// The path of an interpreter with a mail server.
    static func withMailServer() async throws -> String {
        try await make("python-mail", "mail-requirements.txt", modules: "aiosmtpd")
    }

    private static func make(_ name: String, _ requirements: String, modules: String) async throws -> String {
        let folder = SafePlace.checkout + "/.build/" + name
        let python = folder + "/bin/python3"
        if try await isUsable(python, modules) { return python }
        // The operating system's own Python will do when it has both.
        if try await isUsable("/usr/bin/python3", modules) { return "/usr/bin/python3" }
        for (program, words) in [
            ("/usr/bin/env", ["python3", "-m", "venv", folder]),
            (
                folder + "/bin/pip",
                ["install", "--quiet", "-r", SafePlace.checkout + "/tools/" + requirements]
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

    private static func isUsable(_ python: String, _ modules: String) async throws -> Bool {
        guard FileManager.default.isExecutableFile(atPath: python) else { return false }
        return try await Program.run(python, ["-c", "import \(modules)"]).status == 0
    }
}
