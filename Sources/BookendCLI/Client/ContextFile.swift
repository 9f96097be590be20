import BookendFiles
import Glibc

/// The person's `config.yaml`.
struct ContextFile: Sendable {
    let path: String

    init(environment: [String: String] = ProcessEnvironment.all) {
        path = ConnectionOptions.directory(environment) + "/config.yaml"
    }

    /// A file that is not there means the defaults.
    func read() throws(CLIError) -> ClientConfiguration {
        do {
            return try ClientConfiguration.read(path: path)
        } catch {
            throw CLIError(.usage, error.message)
        }
    }

    /// Makes a context the current one; every other line of the file stays as it is.
    func use(_ name: String) throws(CLIError) {
        let configuration = try read()
        guard configuration.contexts[name] != nil else { throw unknown(name, configuration) }
        guard configuration.currentContext != name else { return }
        let text = Self.using(name, in: try text())
        // Nobody knows what else stands in that file: what was written must say what was meant, or nothing is written.
        do {
            let result = try ClientConfiguration.read(bytes: Array(text.utf8), file: path)
            guard result.currentContext == name, result.contexts == configuration.contexts else {
                throw CLIError(.failed, "")
            }
        } catch {
            throw CLIError(.failed, "\(path) cannot be changed here: write current_context: \(name) into it by hand")
        }
        try write(text)
    }

    func unknown(_ name: String, _ configuration: ClientConfiguration) -> CLIError {
        let known = configuration.contexts.keys.sorted().joined(separator: ", ")
        return CLIError(.refused, "there is no context '\(name)' in \(path): it has \(known)")
    }

    /// Replaces the line of the key, or puts one in front of all others.
    static func using(_ name: String, in text: String) -> String {
        let quoted = "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        let line = "current_context: \(quoted)"
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if let place = lines.firstIndex(where: { $0.hasPrefix("current_context:") }) {
            lines[place] = line
        } else {
            lines.insert(line, at: lines.firstIndex { !$0.isEmpty && !$0.hasPrefix("#") } ?? lines.count)
        }
        let result = lines.joined(separator: "\n")
        return result.hasSuffix("\n") ? result : result + "\n"
    }

    private func text() throws(CLIError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whole or not at all.
    private func write(_ text: String) throws(CLIError) {
        var status = stat()
        let mode = stat(path, &status) == 0 ? status.st_mode & 0o777 : 0o600
        let fresh = path + ".new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("write") }
        let bytes = Array(text.utf8)
        let isWritten = Glibc.write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, rename(fresh, path) == 0 else {
            let error = failure("write")
            unlink(fresh)
            throw error
        }
    }

    private func failure(_ verb: String) -> CLIError {
        CLIError(.failed, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
