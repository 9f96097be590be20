package import BookendModel

/// A policy and the place where it was read.
package struct PolicyEntry: Hashable, Sendable {
    package var policy: Policy
    package var file: String
    /// Where its name stands, both from 1.
    package var line: Int
    package var column: Int
}

/// A YAML file with one policy, or several, each a document of its own (`---` between them).
package enum PolicyFile {
    /// Reads all policies of a text, in the order of the file.
    ///
    /// - Parameters:
    ///   - text: The file's text.
    ///   - file: What to call the file in messages; it is not opened.
    ///   - zones: The time zones that there are; `nil`: any that might be one is taken for one.
    /// - Throws: ``FileError`` with everything that is wrong. Nothing is usable from a file in which one policy is wrong,
    ///   and a file without any policy is wrong too.
    package static func read(
        text: String, file: String, zones: (any ZoneCatalog)? = nil
    ) throws(FileError) -> [Policy] {
        try read(bytes: Array(text.utf8), file: file, zones: zones).map(\.policy)
    }

    /// As ``read(text:file:)``, from bytes that nobody looked at yet.
    package static func read(
        bytes: [UInt8], file: String, zones: (any ZoneCatalog)? = nil
    ) throws(FileError) -> [PolicyEntry] {
        let findings = Findings(try SourceText(bytes: bytes, file: file), tables: PolicyKeys.tables)
        let documents = YAMLDocuments(findings)
        if documents.isEmpty, findings.isEmpty {
            findings.report(
                at: .start, keyPath: "", "holds no policy: expected a mapping that begins with 'policy: NAME'")
        }
        var entries: [PolicyEntry] = []
        documents.forEach { document in
            if document.isNothing {
                document.report("this document is empty: expected a policy", suggestion: "leave the '---' out")
            } else if let policy = PolicyReader.read(document, zones: zones) {
                let place = findings.place(of: "policy") ?? .start
                entries.append(
                    PolicyEntry(policy: policy, file: file, line: place.position.line, column: place.position.column))
                if let earlier = entries.dropLast().first(where: { $0.policy.name == policy.name }) {
                    findings.reportSecond(policy.name, earlier: earlier)
                }
            }
        }
        guard findings.isEmpty else { throw FileError(code: .wrong, diagnostics: findings.diagnostics) }
        return entries
    }
}

extension Findings {
    fileprivate func reportSecond(_ name: PolicyName, earlier: PolicyEntry) {
        report(
            at: place(of: "policy") ?? .start, keyPath: "policy",
            "a policy '\(name)' stands in \(earlier.file):\(earlier.line) already")
    }
}
