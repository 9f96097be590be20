/// A mapping whose keys a table declares.
///
/// Making one reports every key that the table does not have; asking for a key that it does not have is a mistake in
/// the program.
struct MappingReader {
    let value: YAMLValue
    private let table: KeyTable
    private let entries: [String: YAMLValue]
    /// Keys that unknown ones were probably meant to be.
    private let meant: Set<String>

    /// Words that people use for values which belong in no file of ours; their lines are not shown.
    private static let secretWords = ["password", "passwd", "secret", "token", "credential"]

    init(_ value: YAMLValue, table: KeyTable, entries: [(key: String, value: YAMLValue)]) {
        self.value = value
        self.table = table
        var known: [String: YAMLValue] = [:]
        var meant: Set<String> = []
        for (key, entry) in entries {
            if table.contains(key) {
                known[key] = entry
            } else {
                if let near = Self.reportUnknown(key, entry, table) { meant.insert(near) }
            }
        }
        self.entries = known
        self.meant = meant
    }

    /// The value under a key, or nil when the key is absent.
    subscript(key: String) -> YAMLValue? {
        precondition(table.contains(key), "no key \(key) in the table of \(table.path)")
        return entries[key]
    }

    /// The value under a key; reports the key as missing when it is absent and was not just written wrongly.
    func required(_ key: String) -> YAMLValue? {
        if let entry = self[key] { return entry }
        // One mistake, which is reported already.
        if meant.contains(key) { return nil }
        value.findings.report(
            at: value.place, keyPath: path(of: key), "missing: expected \(table.meaning(of: key))")
        return nil
    }

    func path(of key: String) -> String {
        value.keyPath.isEmpty ? key : "\(value.keyPath).\(key)"
    }

    /// - Returns: The key of the table that was probably meant.
    private static func reportUnknown(_ key: String, _ entry: YAMLValue, _ table: KeyTable) -> String? {
        let home = entry.findings.tables.first { $0.contains(key) }
        let near = home == nil ? Nearest.match(key, among: table.names) : nil
        let suggestion =
            if let home {
                home.path.isEmpty ? "it belongs to the top of the file" : "it belongs under '\(home.path)'"
            } else if let near {
                "did you mean '\(near)'?"
            } else {
                "known here: \(table.names.joined(separator: ", "))"
            }
        entry.findings.report(
            at: entry.keyPlace ?? entry.place, keyPath: entry.keyPath, "unknown key", suggestion: suggestion,
            isSecret: secretWords.contains { key.lowercased().contains($0) })
        return near
    }
}
