import BookendFiles
import BookendModel
import BookendTestSupport
import Foundation
import Testing

struct PolicySetTests {
    private static func policy(_ name: String) -> String {
        "policy: \(name)\nagents: {ids: [a]}\nbackup: {repository: main, sources: [/etc]}\n"
    }

    /// Hands a directory with the files to the body, and removes it.
    private static func withDirectory(_ files: [String: String], _ body: (String) throws -> Void) throws {
        try TemporaryDirectory.with { directory in
            for (name, text) in files { try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)")) }
            try body(directory)
        }
    }

    @Test func `the example policies make a set`() throws {
        let set = try PolicySet.read(paths: [Deploy.folder.appendingPathComponent("examples/policies").path])
        #expect(
            set.policies.map(\.name.rawValue) == [
                "appliance-export", "appliance-logs", "home-directories", "nightly-web", "postgresql-dump",
            ])
    }

    @Test func `files and directories are read in order, each file once`() throws {
        let files = ["b.yaml": Self.policy("b"), "a.yml": Self.policy("a"), "notes.txt": "x", ".hidden.yaml": "x"]
        try Self.withDirectory(files) { path in
            let set = try PolicySet.read(paths: ["\(path)/b.yaml", path])
            #expect(set.policies.map(\.name.rawValue) == ["b", "a"])
            #expect(set.entries[0].file == "\(path)/b.yaml" && set.entries[0].line == 1)
        }
    }

    @Test func `two policies of one name are an error that names both places`() throws {
        try Self.withDirectory(["a.yaml": Self.policy("x"), "b.yaml": "# second\n" + Self.policy("x")]) { path in
            let error = #expect(throws: FileError.self) { try PolicySet.read(paths: [path]) }
            #expect(
                error?.diagnostics.map(\.summary) == [
                    "\(path)/b.yaml:2:9: policy: a policy 'x' stands in \(path)/a.yaml:1 already"
                ])
        }
    }

    @Test func `one wrong file spoils the set, and all wrong files are named`() throws {
        let files = ["a.yaml": "policy: p\n", "b.yaml": Self.policy("b"), "c.yaml": "[\n"]
        try Self.withDirectory(files) { path in
            let error = #expect(throws: FileError.self) { try PolicySet.read(paths: [path]) }
            #expect(Set(error?.diagnostics.map(\.file) ?? []) == ["\(path)/a.yaml", "\(path)/c.yaml"])
            #expect(error?.code == .wrong)
        }
    }

    @Test func `a path that is not there and a directory without policies are errors`() throws {
        try Self.withDirectory(["notes.txt": "x"]) { path in
            let missing = #expect(throws: FileError.self) { try PolicySet.read(paths: ["\(path)/none.yaml"]) }
            #expect(missing?.code == .notReadable)
            #expect(missing?.message == "\(path)/none.yaml: cannot be read: No such file or directory")
            let empty = #expect(throws: FileError.self) { try PolicySet.read(paths: [path]) }
            #expect(empty?.message == "\(path): is a directory without any *.yaml or *.yml file")
        }
    }
}
