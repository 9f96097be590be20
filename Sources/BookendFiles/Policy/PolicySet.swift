package import BookendModel

/// All policies of some files and directories, usable only as a whole.
package struct PolicySet: Hashable, Sendable {
    /// By the order of the paths, then of the file names, then of the files.
    package let entries: [PolicyEntry]

    package var policies: [Policy] { entries.map(\.policy) }

    /// Reads files, and directories of `*.yaml` and `*.yml` (not the directories inside of them); `-` is standard input.
    ///
    /// - Throws: ``FileError`` with everything that is wrong in any of the files; also when two policies have the same
    ///   name, and when there is none at all.
    package static func read(
        paths: [String], zones: (any ZoneCatalog)? = nil
    ) throws(FileError) -> PolicySet {
        var entries: [PolicyEntry] = []
        var diagnostics: [Diagnostic] = []
        var code = FileError.Code.wrong
        var seen: Set<String> = []
        for path in paths {
            do throws(FileError) {
                for file in try FileSystem.yamlFiles(at: path) where seen.insert(file).inserted {
                    do throws(FileError) {
                        entries += try PolicyFile.read(
                            bytes: try FileSystem.bytes(of: file),
                            file: file == FileSystem.standardInput ? "standard input" : file, zones: zones)
                    } catch {
                        diagnostics += error.diagnostics
                        if error.code == .notReadable { code = .notReadable }
                    }
                }
            } catch {
                diagnostics += error.diagnostics
                code = error.code
            }
        }
        diagnostics += conflicts(in: entries)
        guard diagnostics.isEmpty else { throw FileError(code: code, diagnostics: diagnostics) }
        return PolicySet(entries: entries)
    }

    /// Two files with the same policy: an error in the second that names the first.
    private static func conflicts(in entries: [PolicyEntry]) -> [Diagnostic] {
        var first: [PolicyName: PolicyEntry] = [:]
        return entries.compactMap { entry in
            guard let earlier = first[entry.policy.name] else {
                first[entry.policy.name] = entry
                return nil
            }
            return Diagnostic(
                file: entry.file, line: entry.line, column: entry.column, keyPath: "policy",
                message: "a policy '\(entry.policy.name)' stands in \(earlier.file):\(earlier.line) already")
        }
    }
}
