/// Files that cannot be used, and everything that is wrong with them.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// The file is missing, may not be read, or is not a file.
        case notReadable = "not-readable"
        /// The file was read, and what it says is wrong.
        case wrong
    }

    package var code: Code
    /// Never empty; ordered by file, line and column; at most 51 for each file.
    package var diagnostics: [Diagnostic]

    package init(code: Code, diagnostics: [Diagnostic]) {
        self.code = code
        self.diagnostics = diagnostics
    }

    /// All diagnostics, one after the other, each with its line of the file.
    package var message: String {
        diagnostics.map(\.description).joined(separator: "\n")
    }

    package var description: String { message }
}
