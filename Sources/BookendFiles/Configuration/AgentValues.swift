import BookendModel

/// The kinds of values that only `agent.yaml` has.
extension YAMLValue {
    /// A location as restic takes it. One that holds a password is refused, and its line is not shown.
    fileprivate static let backends = ["sftp:", "rest:", "s3:", "azure:", "gs:", "b2:", "swift:", "rclone:"]

    func repositoryLocation() -> String? {
        guard let text = string() else { return nil }
        if Self.holdsPassword(text) {
            report(
                "a location must not hold a password, because it is shown in logs and in the list of processes",
                suggestion: "put the location into a file of its own and name it with location_file", isSecret: true)
            return nil
        }
        if let backend = Self.backends.first(where: { text.hasPrefix($0) }) {
            guard text.utf8.count > backend.utf8.count, TextRules.lineProblem(text, upTo: TextRules.longestPath) == nil
            else {
                report("expected where the repository is after '\(backend)', found '\(text.clipped)'")
                return nil
            }
            return text
        }
        if let problem = TextRules.absolutePathProblem(text) {
            report(
                "'\(text.clipped)' \(problem)",
                suggestion: "a location is an absolute path, or begins with \(Self.backends.joined(separator: ", "))")
            return nil
        }
        return text
    }

    /// `scheme://user:password@host`
    private static func holdsPassword(_ text: String) -> Bool {
        guard let slashes = text.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
        let authority = text[slashes...].drop { $0 == "/" }.prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return false }
        return authority[..<at].contains(":")
    }

    /// A program, by absolute path or by a bare name.
    func program() -> String? {
        guard let text = string() else { return nil }
        if TextRules.nameProblem(text) == nil { return text }
        if let problem = TextRules.absolutePathProblem(text) {
            report("'\(text.clipped)' \(problem)", suggestion: "or write the program's bare name")
            return nil
        }
        return text
    }

    /// Maps by name; in each, our numbers to the numbers that scripts expect.
    func statusMaps() -> [String: StatusMap] {
        dictionary { name, value in
            if StatusProfile(name: name) != .map(name) {
                value.report("'\(name)' has a meaning of its own already: expected another name")
            } else if let problem = TextRules.nameProblem(name) {
                value.report("'\(name.clipped)' \(problem)")
            }
            return value.statusMap()
        } ?? [:]
    }

    private func statusMap() -> StatusMap? {
        let numbers = dictionary { key, value -> (status: Status, number: Int32)? in
            guard let status = Status.table.first(where: { String($0.status.rawValue) == key })?.status else {
                value.report(
                    "no status has the number '\(key.clipped)': expected one of "
                        + Status.table.map { String($0.status.rawValue) }.joined(separator: ", "))
                return nil
            }
            return value.int(in: -255...255).map { (status, Int32($0)) }
        }
        return numbers.map { numbers in
            StatusMap(numbers: Dictionary(uniqueKeysWithValues: numbers.values.map { ($0.status, $0.number) }))
        }
    }
}
