/// One mistake in a file that a person wrote: where it is, what was expected, what was found.
///
/// Every field is made for programs too; a diagnostic encodes as one flat JSON object.
package struct Diagnostic: Hashable, Sendable, Codable {
    /// The file as the caller named it.
    package var file: String
    /// From 1; 0 when the file as a whole is meant.
    package var line: Int
    /// From 1, counted in characters (Unicode scalars); 0 when the file as a whole is meant.
    package var column: Int
    /// The key, from the top: `backup.sources[1]`; empty when no key is meant.
    package var keyPath: String
    /// What was expected and what was found.
    package var message: String
    /// What to write instead, as a phrase: `did you mean 'timeout'?`
    package var suggestion: String?
    /// The line of the file, or the part of it around the column, with a caret line under it; empty when there is none.
    package var excerpt: String

    package init(
        file: String, line: Int = 0, column: Int = 0, keyPath: String = "", message: String, suggestion: String? = nil,
        excerpt: String = ""
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.keyPath = keyPath
        self.message = message
        self.suggestion = suggestion
        self.excerpt = excerpt
    }

    enum CodingKeys: String, CodingKey {
        case file, line, column, message, suggestion, excerpt
        case keyPath = "key_path"
    }
}

extension Diagnostic {
    /// One line: `nightly.yaml:7:3: scripts.timout: unknown key; did you mean 'timeout'?`
    package var summary: String {
        var text = line > 0 ? "\(file):\(line):\(column): " : "\(file): "
        if !keyPath.isEmpty { text += "\(keyPath): " }
        text += message
        if let suggestion { text += "; \(suggestion)" }
        return text
    }
}

extension Diagnostic: CustomStringConvertible {
    /// The summary, and under it the line of the file with a caret.
    package var description: String {
        excerpt.isEmpty ? summary : "\(summary)\n\(excerpt)"
    }
}
