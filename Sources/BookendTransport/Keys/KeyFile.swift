import BookendModel
import Glibc

extension KeyRing {
    /// A key file may have as many bytes: some 200,000 keys.
    private static var fileLimit: Int { 16 << 20 }

    /// Reads a static key file.
    ///
    /// A line holds one key: `<public key> <role>/<name> [label=value …]`. Empty lines and lines that begin with `#` (no
    /// key does) are passed over.
    ///
    /// - Throws: ``TransportError`` with code `.keyFile`, which names the file and the line. Nothing is admitted from a
    ///   file in which one line is wrong, nor from one that others than root and this process's user own or can write.
    package static func read(file path: String) throws(TransportError) -> [EnrolledKey] {
        let (text, mode, owner) = try SmallFile.read(path, limit: fileLimit)
        guard owner == 0 || owner == geteuid() else {
            throw TransportError(
                .keyFile, "\(path) belongs to user \(owner), who could let anybody in: run chown root \(path)")
        }
        guard mode & 0o022 == 0 else {
            throw TransportError(
                .keyFile,
                "\(path) says who may come in, and others than its owner can write it: run chmod go-w \(path)")
        }
        return try parse(text, file: path)
    }

    /// Reads the text of a key file; `file` is its name for messages.
    package static func parse(_ text: String, file: String) throws(TransportError) -> [EnrolledKey] {
        var keys: [EnrolledKey] = []
        var lines: [CurveKey: Int] = [:]
        var names: [PeerIdentity: Int] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let number = index + 1
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let key: CurveKey
            do {
                key = try CurveKey(first)
            } catch {
                throw TransportError(.keyFile, "\(file):\(number): \(error.message)")
            }
            guard words.count > 1, let identity = PeerIdentity(words[1]) else {
                let roles = PeerRole.allCases.map(\.rawValue).joined(separator: ", ")
                throw TransportError(
                    .keyFile,
                    "\(file):\(number): expected role/name after the key, such as agent/web-1; roles are \(roles)")
            }
            if let other = lines.updateValue(number, forKey: key) {
                throw TransportError(.keyFile, "\(file):\(number): the key stands already in line \(other)")
            }
            if let other = names.updateValue(number, forKey: identity) {
                throw TransportError(.keyFile, "\(file):\(number): \(identity) has a key already in line \(other)")
            }
            var labels: [String: String] = [:]
            for word in words.dropFirst(2) {
                guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                    throw TransportError(.keyFile, "\(file):\(number): expected label=value, found \"\(word)\"")
                }
                labels[String(word[..<equals])] = String(word[word.index(after: equals)...])
            }
            if identity.role == .operator, let role = labels["role"], OperatorRole(rawValue: role) == nil {
                let roles = OperatorRole.allCases.map(\.rawValue).joined(separator: ", ")
                throw TransportError(
                    .keyFile, "\(file):\(number): there is no role \(role) for \(identity): roles are \(roles)")
            }
            keys.append(EnrolledKey(key: key, identity: identity, labels: labels))
        }
        return keys
    }
}

extension CurveKeyPair {
    /// Reads a secret key file: one line with the secret key, besides lines that begin with `#`.
    ///
    /// - Throws: ``TransportError`` with code `.keyFile` when the file cannot be read, is no regular file, is readable by
    ///   group or others, or holds no key.
    package static func read(secretFile path: String) throws(TransportError) -> CurveKeyPair {
        let (text, mode, owner) = try SmallFile.read(path, limit: 4_096)
        guard mode & 0o077 == 0 else {
            throw TransportError(
                .keyFile, "\(path) holds a secret key and others than its owner may use it: run chmod 600 \(path)")
        }
        guard owner == geteuid() || owner == 0 else {
            throw TransportError(.keyFile, "\(path) belongs to user \(owner): run chown \(geteuid()) \(path)")
        }
        let lines = text.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace } }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard lines.count == 1 else {
            throw TransportError(.keyFile, "\(path): expected one line with a secret key, found \(lines.count)")
        }
        do {
            return try CurveKeyPair(secret: CurveSecret(lines[0]))
        } catch {
            throw TransportError(.keyFile, "\(path): \(error.message)")
        }
    }

    /// Writes a new secret key file that only its owner may read, and waits until it is on disk. The public key stands in
    /// a comment.
    ///
    /// - Throws: ``TransportError`` with code `.keyFile`, also when there is a file already: a key is never overwritten.
    package func write(secretFile path: String) throws(TransportError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw errno == EEXIST
                ? TransportError(.keyFile, "\(path) is there already: move it away to make a new key")
                : TransportError(.keyFile, "cannot write \(path): \(SmallFile.reason())")
        }
        defer { close(descriptor) }
        let text = "# A secret key of Bookend: who has it is you. Its public key:\n# \(publicKey)\n\(secret.text)\n"
        let bytes = Array(text.utf8)
        guard fchmod(descriptor, 0o600) == 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count,
            fsync(descriptor) == 0
        else {
            let reason = SmallFile.reason()
            unlink(path)
            throw TransportError(.keyFile, "cannot write \(path): \(reason)")
        }
    }
}
