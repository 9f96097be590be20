import Foundation
import Testing

struct ThreatModelTests {
    /// Each test stands there as `*sentence*`.
    @Test func `every test that the threat model names is there`() throws {
        let text = String(decoding: try Deploy.bytes("THREATS.md"), as: UTF8.self)
        let named = text.matches(of: /\*([^*\n]+)\*/).map { String($0.output.1) }
        let folder = Deploy.folder.deletingLastPathComponent().appendingPathComponent("Tests")
        let files = try #require(FileManager.default.enumerator(atPath: folder.path))
        var sources = ""
        for case let file as String in files where file.hasSuffix(".swift") {
            sources += try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
        }
        #expect(named.count >= 20)
        for name in named { #expect(sources.contains("func `\(name)`"), "\(name)") }
    }
}
