import Foundation
import Glibc
import Testing

/// A small file system of its own for one directory, which a test can fill. Only root can have it.
enum SmallDisk {
    /// Lays it over a directory, with its files; afterwards the directory has what that one held.
    static func with(over directory: String, megabytes: Int, _ body: () async throws -> Void) async throws {
        let aside = directory + ".aside"
        try FileManager.default.moveItem(atPath: directory, toPath: aside)
        mkdir(directory, 0o700)
        try #require(mount("tmpfs", directory, "tmpfs", 0, "size=\(megabytes)m,mode=0700") == 0, "cannot mount here")
        func move(_ source: String, _ target: String) throws {
            for name in try FileManager.default.contentsOfDirectory(atPath: source) {
                // Where nothing is, nothing is removed.
                try? FileManager.default.removeItem(atPath: "\(target)/\(name)")
                try FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: "\(target)/\(name)")
            }
        }
        do {
            try move(aside, directory)
            try await body()
            try move(directory, aside)
        } catch {
            umount2(directory, Int32(MNT_DETACH))
            throw error
        }
        umount2(directory, Int32(MNT_DETACH))
        rmdir(directory)
        try FileManager.default.moveItem(atPath: aside, toPath: directory)
    }

    /// Takes everything that is left, to the last page.
    static func fill(_ path: String) throws {
        for size in [65_536, 4_096, 1] {
            let chunk = [UInt8](repeating: 1, count: size)
            let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            try #require(file >= 0)
            while write(file, chunk, size) == size {}
            close(file)
        }
    }
}
