import BookendTransport
import Glibc

/// The keys of a fleet: the same for all histories of one run.
package struct FleetKeys: Sendable {
    let coordinator: CurveKeyPair
    let collector: CurveKeyPair
    let agents: [CurveKeyPair]
    let ring: KeyRing
    /// The coordinator reads its key file.
    let path: String

    /// - Parameter directory: Where the key file is written; it exists.
    package init(agents count: Int, directory: String) throws {
        path = directory + "/keys"
        coordinator = try Self.pair(1, path)
        collector = try Self.pair(2, path)
        var agents: [CurveKeyPair] = []
        for index in 0..<count { agents.append(try Self.pair(index + 3, path)) }
        self.agents = agents
        var text = "\(collector.publicKey) collector/main\n"
        for (index, pair) in agents.enumerated() { text += "\(pair.publicKey) agent/server-\(index + 1)\n" }
        try Self.write(text, path)
        ring = KeyRing(try KeyRing.read(file: path))
    }

    /// The same pair for the same number: secrets are of no use in memory, and a story must be the same at each run.
    private static func pair(_ number: Int, _ path: String) throws -> CurveKeyPair {
        let digits = String(number)
        let block = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        try write(String(repeating: block, count: 8), path)
        defer { unlink(path) }
        return try CurveKeyPair.read(secretFile: path)
    }

    private static func write(_ text: String, _ path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let bytes = Array(text.utf8)
        guard file >= 0, Glibc.write(file, bytes, bytes.count) == bytes.count, close(file) == 0 else {
            throw TransportError(.system, "the simulator cannot write \(path): is there room in that directory?")
        }
    }
}
