import BookendModel
import Yams

/// What the configurations of all programs have in common: one document, one mapping, nothing usable when anything is
/// wrong.
enum ConfigurationFile {
    /// Reads one configuration.
    ///
    /// - Parameters:
    ///   - tables: Every mapping of the file, the top one first.
    ///   - make: Builds the configuration, with stand-ins where a value is wrong; the result is thrown away then.
    /// - Throws: ``FileError`` with everything that is wrong. An empty file is not wrong by itself: every key is absent.
    static func read<Configuration>(
        bytes: [UInt8], file: String, tables: [KeyTable], _ make: (MappingReader) -> Configuration
    ) throws(FileError) -> Configuration {
        let findings = Findings(try SourceText(bytes: bytes, file: file), tables: tables)
        let table = tables[0]
        let documents = YAMLDocuments(findings)
        var result: Configuration?
        if documents.isEmpty, findings.isEmpty {
            let nothing = Node.Mapping([], Tag(.implicit, .basic))
            result = YAMLValue(.mapping(nothing), findings: findings, displaced: [:]).mapping(table).map(make)
        } else if documents.count > 1 {
            findings.report(
                at: documents.secondPlace, keyPath: "",
                "expected one configuration, found a second document after '---'")
        } else {
            documents.forEach { result = $0.mapping(table).map(make) }
        }
        guard findings.isEmpty, let result else { throw FileError(code: .wrong, diagnostics: findings.diagnostics) }
        return result
    }
}

/// How much a daemon writes to its log.
package enum LogLevel: String, Hashable, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}

extension YAMLValue {
    /// A list of absolute paths.
    func absolutePaths() -> [String] { list { $0.absolutePath() } ?? [] }

    /// A mapping of labels.
    func labels() -> [String: String] {
        dictionary { key, value in
            guard let text = value.string() else { return nil }
            if let problem = TextRules.labelProblem(key: key, value: text) {
                value.report(problem)
                return nil
            }
            return text
        } ?? [:]
    }
}
