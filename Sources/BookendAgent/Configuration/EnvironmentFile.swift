import FoundationEssentials

/// A file with lines `NAME=value` that a repository needs, such as the keys of an object store.
enum EnvironmentFile {
    /// Reads the file. Empty lines and lines that begin with `#` are passed over; a value may stand in quotes.
    ///
    /// - Throws: ``AgentError`` with the file and the line; never with what stands there, which may be a secret.
    static func read(path: String) throws(AgentError) -> [String: String] {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 65_536,
            let text = String(bytes: data, encoding: .utf8)
        else {
            throw AgentError(.configuration, "\(path): cannot be read, or is not a text of at most 64 KiB")
        }
        var environment: [String: String] = [:]
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.drop { $0 == " " }
            guard !line.isEmpty, line.first != "#" else { continue }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let isName = parts[0].utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
                default: false
                }
            }
            guard parts.count == 2, !parts[0].isEmpty, isName else {
                throw AgentError(.configuration, "\(path):\(number + 1): expected NAME=value")
            }
            var value = parts[1]
            if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
                value = value.dropFirst().dropLast()
            }
            environment[String(parts[0])] = String(value)
        }
        return environment
    }
}
