package import BookendModel
package import BookendTransport
import Glibc
import Synchronization

/// The static key file and the ring that it fills: read again when it changes.
package final class WatchedKeyFile: Sendable {
    /// Enough to notice a file that was written or replaced.
    private struct Mark: Equatable, Sendable {
        var device: UInt
        var inode: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int
    }

    package let path: String
    package let ring: KeyRing
    private let mark: Mutex<Mark?>

    /// - Throws: ``TransportError`` when the file cannot be used.
    package init(path: String) throws(TransportError) {
        self.path = path
        mark = Mutex(Self.mark(of: path))
        ring = KeyRing(try KeyRing.read(file: path))
    }

    /// Reads the file again if it is not the one that was read last.
    ///
    /// - Returns: Whether the ring has changed.
    /// - Throws: ``TransportError``, once for each wrong version of the file; the ring stays as it was.
    package func refresh() throws(TransportError) -> Bool {
        let now = Self.mark(of: path)
        let isNews = mark.withLock { mark in
            defer { mark = now }
            return mark != now
        }
        guard isNews else { return false }
        ring.replace(with: try KeyRing.read(file: path))
        return true
    }

    /// The agents of the ring with their labels.
    package var agents: [AgentID: [String: String]] {
        let agents = ring.all.filter { $0.identity.role == .agent }
        return Dictionary(
            agents.map { (AgentID(rawValue: $0.identity.name), $0.labels) }, uniquingKeysWith: { $1 })
    }

    /// `nil`: the file is not there, which the next reading will say.
    private static func mark(of path: String) -> Mark? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Mark(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}
