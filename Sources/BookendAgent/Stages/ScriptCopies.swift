import BookendDigest
import FoundationEssentials
import Glibc

/// Private copies of pinned scripts: what is run is what was checked, whoever writes to the script meanwhile.
///
/// Each lies in a directory of its own (0700) below the agent's state, and is removed once the script has ended.
package struct ScriptCopies: Sendable {
    enum Making {
        case made(ScriptCopy)
        /// It is not what it is pinned to.
        case refused(String)
        /// The copy could not be made: a full disk.
        case failed(String)
    }

    /// A larger script cannot be pinned.
    private static let largest = 64 << 20

    private let directory: String

    package init(stateDirectory: String) {
        directory = stateDirectory + "/script-copies"
    }

    /// Removes what an agent that died left. Called before anything is run.
    package func removeAll() {
        try? FileManager.default.removeItem(atPath: directory)  // Mostly there is none; what stays does no harm.
    }

    /// Copies a script, and checks the copy.
    func make(of script: FoundScript) -> Making {
        mkdir(directory, 0o700)  // It may be there; what it is, is asked next.
        var place = stat()
        guard lstat(directory, &place) == 0, place.st_mode & S_IFMT == S_IFDIR, place.st_uid == geteuid(),
            place.st_mode & 0o077 == 0
        else { return .failed("\(directory) is not a directory of the agent's user alone: remove it") }
        let folder = directory + "/" + Self.randomName()
        guard mkdir(folder, 0o700) == 0 else { return .failed("\(folder): \(String(cString: strerror(errno)))") }
        let copy = ScriptCopy(folder: folder, path: folder + "/script")
        let making = fill(copy, from: script)
        if case .made = making { return making }
        copy.remove()
        return making
    }

    private func fill(_ copy: ScriptCopy, from script: FoundScript) -> Making {
        let source = open(script.realPath, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard source >= 0 else { return .failed("\(script.realPath): \(String(cString: strerror(errno)))") }
        defer { close(source) }
        var status = stat()
        guard fstat(source, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .refused("\(script.realPath) is not a regular file")
        }
        guard status.st_size <= Self.largest else {
            return .refused("\(script.realPath) is larger than \(Self.largest >> 20) MiB: too large to be pinned")
        }
        let target = open(copy.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard target >= 0 else { return .failed("\(copy.path): \(String(cString: strerror(errno)))") }
        // Whoever it runs as reads it through a descriptor; the directory keeps everybody else away.
        let isCopied = Self.copy(source, to: target) && fchmod(target, 0o555) == 0
        let code = errno
        // Some file systems say only now that there was no room.
        guard close(target) == 0, isCopied else { return .failed("\(copy.path): \(String(cString: strerror(code)))") }
        guard let digest = Self.digest(of: copy.path) else {
            return .failed("\(copy.path): \(String(cString: strerror(errno)))")
        }
        if let reason = Self.mismatch(of: script, digest) { return .refused(reason) }
        var copy = copy
        copy.shell = Self.shell(of: copy.path)
        return .made(copy)
    }

    /// Why a script that is pinned would be refused; `nil`: it would not. Copies nothing.
    static func mismatch(of script: FoundScript) -> String? {
        guard !script.digests.isEmpty else { return nil }
        guard let digest = digest(of: script.realPath) else {
            return "\(script.realPath): \(String(cString: strerror(errno)))"
        }
        return mismatch(of: script, digest)
    }

    private static func mismatch(of script: FoundScript, _ digest: Digest) -> String? {
        script.digests.first { $0 != digest }.map {
            "\(script.path) is not the script that it is pinned to: its SHA-256 is \(digest), not \($0)"
        }
    }

    private static func copy(_ source: Int32, to target: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var total = 0
        while true {
            let count = read(source, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return count == 0 }
            total += count
            if total > largest { return false }
            var done = 0
            while done < count {
                let written = buffer.withUnsafeBytes { write(target, $0.baseAddress! + done, count - done) }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return false }
                done += written
            }
        }
    }

    private static func digest(of path: String) -> Digest? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return hash.finish() }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    /// The words of the first line, when they name a shell.
    private static func shell(of path: String) -> [String]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        // As much as the kernel looks at.
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = fread(&buffer, 1, buffer.count, file)
        let line = buffer[..<count].prefix { $0 != 0x0A }
        guard line.starts(with: Array("#!".utf8)), line.count < count else { return nil }
        let text = String(decoding: line.dropFirst(2), as: UTF8.self)
        let words = text.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" }).map { String($0).trimmed }
        guard let interpreter = words.first, interpreter.hasPrefix("/") else { return nil }
        let options = words.dropFirst().filter { !["", "-", "--"].contains($0) }
        let isEnv = interpreter.hasSuffix("/env")
        let named = isEnv ? options.first ?? "" : interpreter
        let name = named.split(separator: "/").last.map(String.init) ?? ""
        return ["sh", "bash", "dash", "ash", "ksh", "mksh"].contains(name) ? [interpreter] + options : nil
    }

    private static func randomName() -> String {
        SecretBytes.random(8).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// One private copy.
struct ScriptCopy: Sendable {
    fileprivate let folder: String
    let path: String
    /// A shell and its options, for a script that begins with one.
    fileprivate(set) var shell: [String]?

    /// Where the program finds it: its supervisor opens it, so that another user needs no way to the path.
    static let openedPath = "/proc/self/fd/9"

    func remove() {
        unlink(path)  // Whoever still runs it keeps it open.
        rmdir(folder)
    }
}

extension String {
    fileprivate var trimmed: String {
        String(
            self.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" || $0 == "\r" }.reversed())
    }
}
