/// A mapping whose keys a table declares.
///
/// Making one reports every key that the table does not have; asking for a key that it does not have is a mistake in
/// the program.
struct MappingReader {
    let value: YAMLValue
    private let table: KeyTable
    private let entries: [String: YAMLValue]

    /// Words that people use for values which belong in no file of ours; their lines are not shown.
    private static let secretWords = ["password", "passwd", "secret", "token", "credential"]

    init(_ value: YAMLValue, table: KeyTable, entries: [(key: String, value: YAMLValue)]) {
        self.value = value
        self.table = table
        var known: [String: YAMLValue] = [:]
        for (key, entry) in entries {
            if table.contains(key) { known[key] = entry } else { Self.reportUnknown(key, entry, table) }
        }
        self.entries = known
    }

    /// The value under a key, or nil when the key is absent.
    subscript(key: String) -> YAMLValue? {
        precondition(table.contains(key), "no key \(key) in the table of \(table.path)")
        return entries[key]
    }

    /// The value under a key; reports the key as missing when it is absent.
    func required(_ key: String) -> YAMLValue? {
        if let entry = self[key] { return entry }
        value.findings.report(
            at: value.place, keyPath: path(of: key), "missing: expected \(table.meaning(of: key))")
        return nil
    }

    func path(of key: String) -> String {
        value.keyPath.isEmpty ? key : "\(value.keyPath).\(key)"
    }

    private static func reportUnknown(_ key: String, _ entry: YAMLValue, _ table: KeyTable) {
        let isSecret = secretWords.contains { key.lowercased().contains($0) }
        entry.findings.report(
            at: entry.keyPlace ?? entry.place, keyPath: entry.keyPath, "unknown key",
            suggestion: suggestion(for: key, in: table, of: entry.findings.tables), isSecret: isSecret)
    }

    private static func suggestion(for key: String, in table: KeyTable, of all: [KeyTable]) -> String {
        if let home = all.first(where: { $0.contains(key) }) {
            home.path.isEmpty ? "it belongs to the top of the file" : "it belongs under '\(home.path)'"
        } else if let near = Nearest.match(key, among: table.names) {
            "did you mean '\(near)'?"
        } else {
            "known here: \(table.names.joined(separator: ", "))"
        }
    }
}
