import BookendFiles
import Foundation
import Testing

/// Each file in a directory of wrong files is refused with exactly the messages of its leading `#! ` lines.
struct WrongFileTests {
    @Test(arguments: try WrongFile.all(in: "WrongPolicies"))
    func `a wrong policy file is refused with its message`(file: WrongFile) throws {
        let error = #expect(throws: FileError.self) { try PolicyFile.read(bytes: file.bytes, file: file.name) }
        #expect(error?.diagnostics.map(file.shortened) == file.expected)
    }

    @Test(arguments: try WrongFile.all(in: "WrongConfigurations"))
    func `a wrong configuration is refused with its message`(file: WrongFile) throws {
        let error = #expect(throws: FileError.self) { try readConfiguration(file.bytes, file.name) }
        #expect(error?.diagnostics.map(file.shortened) == file.expected)
    }

    @Test func `there are at least forty wrong policies and fifty wrong configurations`() throws {
        #expect(try WrongFile.all(in: "WrongPolicies").count >= 40)
        #expect(try WrongFile.all(in: "WrongConfigurations").count >= 50)
    }
}

/// Reads a configuration of the program that the file's name begins with.
func readConfiguration(_ bytes: [UInt8], _ name: String) throws(FileError) {
    switch name.prefix(while: { $0 != "-" && $0 != "." }) {
    case "agent": _ = try AgentConfiguration.read(bytes: bytes, file: name, hostName: "host-1")
    case "coordinator": _ = try CoordinatorConfiguration.read(bytes: bytes, file: name)
    case "collector": _ = try CollectorConfiguration.read(bytes: bytes, file: name)
    default: _ = try ClientConfiguration.read(bytes: bytes, file: name)
    }
}

/// A file that is wrong on purpose, and what must be said about it.
struct WrongFile: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// One a diagnostic: `line:column: key.path: message; suggestion`.
    let expected: [String]

    var testDescription: String { name }

    static func all(in directory: String) throws -> [WrongFile] {
        let folder = Bundle.module.resourceURL!.appendingPathComponent(directory)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            let bytes = try [UInt8](Data(contentsOf: folder.appendingPathComponent(name)))
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            let expected = lines.prefix { $0.hasPrefix("#! ") }.map { String($0.dropFirst(3)) }
            return WrongFile(name: name, bytes: bytes, expected: expected)
        }
    }

    /// A diagnostic's summary without the file's name.
    func shortened(_ diagnostic: Diagnostic) -> String {
        String(diagnostic.summary.dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces)
    }
}
