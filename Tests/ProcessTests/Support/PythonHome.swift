import Foundation

/// Pythons with the packages of a requirements file, each made once below `.build` and kept.
enum PythonHome {
    /// With pyzmq and protobuf; the path of its interpreter.
    static func shared() async throws -> String {
        try await interpreter(
            "python", requirements: "tools/subscribe-requirements.txt", modules: "zmq, google.protobuf")
    }

    /// - Parameters:
    ///   - name: Of the folder below `.build`.
    ///   - requirements: The path of the file in the checkout.
    ///   - modules: What it must be able to import.
    /// - Returns: The path of the interpreter.
    static func interpreter(_ name: String, requirements: String, modules: String) async throws -> String {
        // One at a time: two that make the same home would find half of it.
        try await making.with { _ in try await make(name, requirements: requirements, modules: modules) }
    }

    private static let making = Pool([0])

    private static func make(_ name: String, requirements: String, modules: String) async throws -> String {
        let folder = SafePlace.checkout + "/.build/" + name
        let python = folder + "/bin/python3"
        if try await isUsable(python, modules) { return python }
        // The operating system's own Python will do when it has them all.
        if try await isUsable("/usr/bin/python3", modules) { return "/usr/bin/python3" }
        for (program, words) in [
            ("/usr/bin/env", ["python3", "-m", "venv", folder]),
            (folder + "/bin/pip", ["install", "--quiet", "-r", SafePlace.checkout + "/" + requirements]),
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
