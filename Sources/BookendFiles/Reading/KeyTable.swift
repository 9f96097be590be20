/// The keys that one mapping of a file may have: the one place in which they are declared.
///
/// Reader, suggestions and the published schema are all held against this table.
package struct KeyTable: Sendable {
    package struct Key: Sendable {
        package let name: String
        /// What the value is, in the words of an error message: `a duration such as 10m`.
        package let meaning: String
    }

    /// Where the mapping stands in its file, as people would say it; empty at the top.
    package let path: String
    package let keys: [Key]

    package init(_ path: String, _ keys: KeyValuePairs<String, String>) {
        self.path = path
        self.keys = keys.map { Key(name: $0.key, meaning: $0.value) }
    }

    package var names: [String] { keys.map(\.name) }

    func contains(_ name: String) -> Bool { keys.contains { $0.name == name } }

    func meaning(of name: String) -> String { keys.first { $0.name == name }?.meaning ?? "a value" }
}
