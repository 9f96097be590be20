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
        coordinator = try CurveKeyPair.generate()
        collector = try CurveKeyPair.generate()
        agents = try (0..<count).map { _ in try CurveKeyPair.generate() }
        path = directory + "/keys"
        var text = "\(collector.publicKey) collector/main\n"
        for (index, pair) in agents.enumerated() { text += "\(pair.publicKey) agent/server-\(index + 1)\n" }
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let bytes = Array(text.utf8)
        guard file >= 0, write(file, bytes, bytes.count) == bytes.count, close(file) == 0 else {
            throw TransportError(.system, "the simulator cannot write \(path): is there room in that directory?")
        }
        ring = KeyRing(try KeyRing.read(file: path))
    }
}
