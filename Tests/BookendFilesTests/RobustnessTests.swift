import BookendFiles
import Glibc
import Testing

/// No text may crash a reader, and each refusal says why.
struct RobustnessTests {
    private static func goodFiles() throws -> [[UInt8]] {
        try (Deploy.policies() + ["examples/agent.yaml", "examples/collector.yaml", "examples/config.yaml"])
            .map(Deploy.bytes)
    }

    private static func read(_ bytes: [UInt8], _ note: String) {
        func check(_ read: () throws -> Void) {
            do {
                try read()
            } catch let error as FileError {
                #expect(!error.diagnostics.isEmpty && error.diagnostics.allSatisfy { !$0.message.isEmpty }, "\(note)")
                #expect(error.diagnostics.allSatisfy { $0.excerpt.utf8.count < 2_000 }, "\(note)")
            } catch {
                Issue.record("\(note): \(error)")
            }
        }
        check { _ = try PolicyFile.read(bytes: bytes, file: "p.yaml") }
        check { _ = try AgentConfiguration.read(bytes: bytes, file: "a.yaml", hostName: "h") }
        check { _ = try CollectorConfiguration.read(bytes: bytes, file: "c.yaml") }
        check { _ = try ClientConfiguration.read(bytes: bytes, file: "c.yaml") }
    }

    @Test func `a file cut off anywhere is read or refused`() throws {
        for file in try Self.goodFiles() {
            for length in stride(from: 0, through: file.count, by: 7) {
                Self.read(Array(file[..<length]), "cut at \(length)")
            }
        }
    }

    @Test(arguments: 0..<8)
    func `a file with flipped bytes is read or refused`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let files = try Self.goodFiles()
        for _ in 0..<100 {
            var bytes = files.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
            }
            Self.read(bytes, "seed \(seed)")
        }
    }

    @Test func `a mebibyte of duplicate keys is refused without being parsed fifty times`() {
        let text = String(repeating: "policy: nightly\ndescription: every night\n", count: 25_000)
        let start = ContinuousClock.now
        Self.read(Array(text.utf8), "duplicates")
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    @Test(arguments: ["&", "*", "x: &"])
    func `half a mebibyte of one anchor's name takes no longer than so much other text`(sigil: String) throws {
        func time(_ start: String) -> Double {
            let text = start + String(repeating: "a", count: (1 << 19) - start.utf8.count)
            let before = Self.processorTime()
            Self.read(Array(text.utf8), start)
            return Self.processorTime() - before
        }
        let usual = time("")
        let seconds = time(sigil)
        #expect(seconds < 5 * usual, "\(seconds) s, and \(usual) s for other text")
    }

    /// Of this thread, in seconds: what others use does not count.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    @Test(arguments: 0..<8)
    func `pieces of YAML in any order are read or refused`(seed: Int) {
        let pieces = [
            "policy", "agents", "ids", "backup", ": ", ":", "\n", "\n  ", "\n    ", "- ", "[", "]", "{", "}", ", ",
            "\"", "'", "|",
            ">", "&a ", "*a", "!t ", "? ", "---\n", "...\n", "#", "\t", "~", "<<", "\\x", "\\uD800", "%YAML 1.2\n", "é",
            "\u{2028}",
        ]
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<500 {
            let text = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }
            Self.read(Array(text.joined().utf8), "seed \(seed): \(text.joined())")
        }
    }

    @Test func `deep nesting is refused, not followed`() {
        for text in ["[", "{a: ", "- ", "? "].map({ String(repeating: $0, count: 100_000) }) {
            let error = #expect(throws: FileError.self) { try PolicyFile.read(text: text, file: "p.yaml") }
            #expect(error?.diagnostics.isEmpty == false)
        }
    }

    @Test func `aliases of aliases are refused before they are expanded`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 {
            let uses = repeatElement("*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(uses)]\n"
        }
        text += "? *a20\n: 1\n"
        let error = #expect(throws: FileError.self) { try PolicyFile.read(text: text, file: "p.yaml") }
        #expect(error?.diagnostics.first?.message.hasPrefix("anchors and aliases") == true)
    }
}
