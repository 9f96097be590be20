import Foundation
import Testing

struct ThreatModelTests {
    /// A test that a cell names as `` `File` *sentence* ``; further sentences of the same file need not name it again.
    private struct NamedTest {
        let file: String
        let sentence: String
    }

    private static let folder = Deploy.folder.deletingLastPathComponent().appendingPathComponent("Tests")

    /// The rows below `| stolen |`, each with its cells.
    private func rows() throws -> [[String]] {
        let text = String(decoding: try Deploy.bytes("THREATS.md"), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let head = try #require(lines.firstIndex { $0.hasPrefix("| stolen |") })
        return lines[(head + 2)...].prefix { $0.hasPrefix("|") }.map { line in
            line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    private func tests(in cell: String) -> [NamedTest] {
        var file = ""
        return cell.matches(of: /`([A-Za-z\/]+)`|\*([^*]+)\*/).compactMap { match in
            if let name = match.output.1 { file = String(name) }
            return match.output.2.map { NamedTest(file: file, sentence: String($0)) }
        }
    }

    private func sources() throws -> [String: String] {
        let files = try #require(FileManager.default.enumerator(atPath: Self.folder.path))
        var sources: [String: String] = [:]
        for case let file as String in files where file.hasSuffix("Tests.swift") {
            sources[file] = try String(contentsOf: Self.folder.appendingPathComponent(file), encoding: .utf8)
        }
        return sources
    }

    @Test func `each cell of what a stolen thing cannot do names a test that is there`() throws {
        let sources = try sources()
        let rows = try rows()
        #expect(rows.count >= 25)
        for row in rows {
            try #require(row.count == 4, "\(row)")
            #expect(!row[2].isEmpty && !row[3].isEmpty, "\(row)")
            let named = tests(in: row[3])
            #expect(!named.isEmpty, "\(row[2]): no test shows it")
            for test in named {
                let there = sources.filter { "/\($0.key)".hasSuffix("/\(test.file).swift") }
                // One of several files of that name would be a guess.
                #expect(there.count == 1, "\(test.file): \(there.keys.sorted())")
                #expect(
                    there.allSatisfy { $0.value.contains("func `\(test.sentence)`") }, "\(test.file): \(test.sentence)")
            }
        }
    }

    /// The first cell of a row is empty where it goes on with what the row above is about.
    @Test func `each thing that can be stolen says what can be done with it`() throws {
        for row in try rows() where !row[0].isEmpty { #expect(!row[1].isEmpty, "\(row)") }
        #expect(try rows().first?[0].isEmpty == false)
    }
}
