import ArgumentParser
import BookendCalendar
import BookendFiles
import BookendModel

struct PolicyValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Say whether policy files are right, without asking a daemon.",
        discussion: """
            Names everything that is wrong, with file, line and column. Exit status: 0
            right, 1 wrong, 2 not readable.

            Examples:
              bookend policy validate policies/
              bookend policy validate --output json nightly-web.yaml
            """)

    @OptionGroup var files: PolicyFiles
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let entries: [PolicyEntry]
        do {
            entries = try PolicySet.read(paths: files.files, zones: TimeZones()).entries
        } catch {
            guard output.output != .table else { throw error }
            output.write(.object(["is_valid": false, "problems": .list(error.diagnostics.map(\.document))])) { _ in [] }
            throw CLIError(error.code == .notReadable ? .usage : .failed, "")
        }
        let policies = entries.map { entry in
            Document.object(["policy": .text(entry.policy.name.rawValue), "file": .text(entry.file)])
        }
        output.write(.object(["is_valid": true, "policies": .list(policies)])) { terminal in
            entries.map { "\($0.file): policy \($0.policy.name): \(terminal.paint("right", .good))" }
        }
    }
}

extension Diagnostic {
    var document: Document {
        .object([
            "file": .text(file), "line": Document(line), "column": Document(column), "key_path": .text(keyPath),
            "message": .text(message), "suggestion": Document(suggestion), "excerpt": .text(excerpt),
        ])
    }
}
