import BookendModel
import Testing

struct AuditCheckTests {
    /// No SHA-256, which the model has not; enough to see every change (FNV-1a, four times).
    private static let hash: @Sendable ([UInt8]) -> [UInt8] = { bytes in
        (0..<4).flatMap { (lane: UInt64) -> [UInt8] in
            var state: UInt64 = 0xCBF2_9CE4_8422_2325 &+ lane
            for byte in bytes { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
            return withUnsafeBytes(of: state.bigEndian) { Array($0) }
        }
    }

    /// A log of so many lines; those of `changes` say something else.
    private func log(_ count: Int, changes: [Int: String] = [:]) -> [AuditEntry] {
        var entries: [AuditEntry] = []
        for number in 1...count {
            let draft = AuditDraft(
                who: "operator/alice", origin: "192.0.2.1", what: changes[number] ?? "job.cancel",
                target: "job \(number)", result: .done)
            entries.append(
                AuditEntry(
                    draft, after: entries.last?.head, at: UnixTime(milliseconds: Int64(number)), hash: Self.hash))
        }
        return entries
    }

    private func anchors(_ entries: [AuditEntry], _ sequences: Int...) -> [AuditAnchor] {
        sequences.map { AuditAnchor(head: entries[$0 - 1].head, seenAt: UnixTime(milliseconds: 77)) }
    }

    private func check(_ entries: [AuditEntry], _ anchors: [AuditAnchor] = []) -> AuditCheck {
        var check = AuditCheck(anchors: anchors, hash: Self.hash)
        for entry in entries { check.take(entry) }
        check.end()
        return check
    }

    @Test func `a log that nobody touched is whole, and anchored as far as was seen`() {
        let entries = log(20)
        let result = check(entries, anchors(entries, 3, 9, 17))
        #expect(result.findings == [])
        #expect(result.entries == 20 && result.last == entries[19].head && result.anchoredThrough == 17)
        #expect(check([]).findings == [] && check([]).last == nil)
    }

    @Test(arguments: 1...20) func `a line that was taken out shows with its number`(number: Int) {
        var entries = log(20)
        let seen = anchors(entries, 5, 10, 20)
        entries.remove(at: number - 1)
        let expected: [AuditCheck.Finding] =
            number == 20 ? [.cutOff(after: 19, seen[2])] : [.missing(Int64(number)...Int64(number))]
        #expect(check(entries, seen).findings == expected)
    }

    @Test(arguments: 1...20) func `a line that was changed shows with its number`(number: Int) {
        var entries = log(20)
        entries[number - 1].draft.who = "operator/mallory"
        #expect(check(entries).findings == [.altered(Int64(number))])
        // Its own hash made anew: the next one does not hold it; of the last one only an anchor tells.
        let seen = anchors(log(20), 20)
        entries[number - 1].hash = Self.hash(entries[number - 1].canonicalBytes)
        let expected: [AuditCheck.Finding] =
            number == 20 ? [.replaced(after: 0, seen[0])] : [.unlinked(Int64(number) + 1)]
        #expect(check(entries, seen).findings == expected)
    }

    @Test func `lines that changed places show with their numbers`() {
        var entries = log(20)
        (entries[4].sequence, entries[5].sequence) = (entries[5].sequence, entries[4].sequence)
        entries.swapAt(4, 5)
        #expect(check(entries).findings == [.altered(5), .altered(6), .unlinked(7)])
        var turned = log(20)
        turned.swapAt(4, 5)
        #expect(check(turned).findings.contains(.outOfOrder(5)))
    }

    @Test func `what was cut off shows by what the collector saw`() {
        let entries = log(20)
        let seen = anchors(entries, 12, 18)
        #expect(check(Array(entries.prefix(15)), seen).findings == [.cutOff(after: 15, seen[1])])
        #expect(check([], seen).findings == [.cutOff(after: 0, seen[1])])
        // Without the collector it cannot show.
        #expect(check(Array(entries.prefix(15))).findings == [])
    }

    @Test func `a log that was made anew from some line on shows between two anchors`() {
        let entries = log(20)
        let seen = anchors(entries, 4, 9, 14, 19)
        let forged = log(22, changes: [11: "job.read"])
        let result = check(forged, seen)
        #expect(result.findings == [.replaced(after: 9, seen[2])])
        #expect(result.anchoredThrough == 9)
        #expect(check(log(20, changes: [1: "x"]), seen).findings == [.replaced(after: 0, seen[0])])
        #expect(check(forged).findings == [])
    }

    @Test func `lines that were cut off and written again differ from what was seen`() {
        let entries = log(20)
        let again = log(20, changes: [18: "a", 19: "b", 20: "c"])
        let seen = anchors(entries, 10, 20) + anchors(again, 20)
        #expect(check(again, seen).findings == [.replaced(after: 10, seen[1])])
    }

    @Test func `each word of a line is under its hash, and none can lend letters to another`() {
        let draft = AuditDraft(who: "a", origin: "b", what: "c", target: "d", result: .done, detail: "e")
        let base = AuditEntry(draft, after: nil, at: UnixTime(milliseconds: 5), hash: Self.hash)
        var variants: [[UInt8]] = [base.canonicalBytes]
        func add(_ change: (inout AuditEntry) -> Void) {
            var entry = base
            change(&entry)
            variants.append(entry.canonicalBytes)
        }
        add { $0.sequence = 2 }
        add { $0.at = UnixTime(milliseconds: 6) }
        add { $0.draft.who = "ab" }
        add { ($0.draft.who, $0.draft.origin) = ("", "ab") }
        add { $0.draft.origin = "" }
        add { $0.draft.what = "" }
        add { $0.draft.target = "de" }
        add { $0.draft.result = .refused }
        add { $0.draft.detail = "" }
        add { $0.previous[31] = 1 }
        #expect(Set(variants).count == variants.count)
    }

    @Test func `the bytes of a line never change their form`() {
        let draft = AuditDraft(
            who: "operator/é", origin: "::1", what: "job.cancel", target: "", result: .begun, detail: "x")
        let entry = AuditEntry(draft, after: nil, at: UnixTime(milliseconds: 1), hash: { _ in [] })
        var expected = Array("bookend-audit-1".utf8) + [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]
        for text in ["operator/é", "::1", "job.cancel", "", "begun", "x"] {
            expected += [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8)
        }
        #expect(entry.canonicalBytes == expected + [UInt8](repeating: 0, count: 32))
    }

    @Test func `a text that is too long is cut between characters`() {
        let long = String(repeating: "ä", count: 400)
        let draft = AuditDraft(who: long, origin: "", what: "", target: "", result: .done)
        #expect(draft.who.utf8.count <= AuditDraft.textLimit && draft.who.hasSuffix("ä…"))
        #expect(AuditDraft(who: draft.who, origin: "", what: "", target: "", result: .done) == draft)
    }
}
