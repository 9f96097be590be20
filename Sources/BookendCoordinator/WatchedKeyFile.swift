package import BookendModel
package import BookendTransport
import Glibc
import Synchronization

/// The static key file, read again when it changes, and the ring of those who may come in.
package final class WatchedKeyFile: Sendable {
    /// Enough to notice a file that was written or replaced, or whose owner or mode was put right.
    private struct Mark: Equatable, Sendable {
        var device: UInt
        var inode: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int
        var owner: uid_t
        var mode: mode_t
    }

    package let path: String
    /// Filled by the coordinator, which knows whom else it enrolled and whom it revoked.
    package let ring = KeyRing()
    private let mark: Mutex<Mark?>
    private let keys: Mutex<[EnrolledKey]>

    /// - Throws: ``TransportError`` when the file cannot be used.
    package init(path: String) throws(TransportError) {
        self.path = path
        mark = Mutex(Self.mark(of: path))
        keys = Mutex(try KeyRing.read(file: path))
    }

    /// Reads the file again if it is not the one that was read last.
    ///
    /// - Returns: Whether there is something new.
    /// - Throws: ``TransportError``, once for each wrong version of the file; what was read before stays.
    package func refresh() throws(TransportError) -> Bool {
        let now = Self.mark(of: path)
        let isNews = mark.withLock { mark in
            defer { mark = now }
            return mark != now
        }
        guard isNews else { return false }
        let fresh = try KeyRing.read(file: path)
        keys.withLock { $0 = fresh }
        return true
    }

    /// The lines of the file that was read last.
    package var peers: [Peer] { keys.withLock { $0.map(\.peer) } }

    /// `nil`: the file is not there, which the next reading will say.
    private static func mark(of path: String) -> Mark? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Mark(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
            owner: status.st_uid, mode: status.st_mode)
    }
}
