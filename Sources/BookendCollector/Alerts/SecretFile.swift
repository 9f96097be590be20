import BookendDaemon
import Glibc

/// A secret in a file of its own: its first line. Read anew each time, so that it can be changed while the collector runs.
enum SecretFile {
    private static let limit = 4_096

    static func read(_ path: String) throws(CollectorError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CollectorError(.configuration, "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CollectorError(.configuration, "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        if let problem = SecretFileRule.problem(of: path, status) { throw CollectorError(.configuration, problem) }
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = Glibc.read(descriptor, &buffer, limit)
        let line = buffer.prefix(max(0, count)).prefix { $0 != 0x0A && $0 != 0x0D }
        guard !line.isEmpty else {
            throw CollectorError(.configuration, "\(path) is empty: the secret is its first line")
        }
        return String(decoding: line, as: UTF8.self)
    }
}
