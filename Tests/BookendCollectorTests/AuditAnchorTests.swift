import BookendCollector
import BookendModel
import BookendTestSupport
import Foundation
import Testing

/// The audit log's part of what every store must do.
@Suite struct AuditAnchorTests {
    enum Kind: String, CaseIterable { case memory, sqlite }

    /// A new store, and a way to open the same one again.
    private func with(
        _ kind: Kind, _ body: (any ReportStore, () throws -> any ReportStore) throws -> Void
    ) throws {
        switch kind {
        case .memory:
            let store = InMemoryReportStore()
            try body(store) { store }
        case .sqlite:
            let directory = try TemporaryDirectory.make()
            defer { TemporaryDirectory.remove(directory) }
            let path = directory + "/collector.sqlite"
            try body(try SQLiteReportStore(path: path)) { try SQLiteReportStore(path: path) }
        }
    }

    @Test(arguments: Kind.allCases)
    func `heads of the audit log are kept: all of a day, then an hour's first and last`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            func head(_ number: Int64, _ byte: UInt8 = 1) -> AuditHead {
                AuditHead(sequence: number, hash: [UInt8](repeating: byte, count: 31) + [UInt8(number % 256)])
            }
            // One a minute, for three hours from a full hour on.
            let start = UnixTime(milliseconds: 500_000 * 3_600_000)
            for minute in 1...180 {
                #expect(try store.anchor(head(Int64(minute)), at: start + .seconds((minute - 1) * 60)))
            }
            #expect(try store.anchors(after: 0, limit: 1_000).map(\.head) == (1...180).map { head($0) })
            #expect(try store.anchor(head(180), at: start + .seconds(10_800)))
            #expect(try store.anchors(after: 178, limit: 1_000).map(\.head.sequence) == [179, 180])
            // A day and two hours later the first two hours are thinned.
            #expect(try store.anchor(head(181), at: start + .seconds(86_400 + 7_200)))
            let kept = try reopen().anchors(after: 0, limit: 1_000)
            #expect(kept.map(\.head.sequence) == [1, 60, 61, 120] + Array(121...181))
            #expect(kept[1] == AuditAnchor(head: head(60), seenAt: start + .seconds(59 * 60)))
        }
    }

    @Test(arguments: Kind.allCases)
    func `a head that is not above every other is kept beside it, within bounds`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            func head(_ number: Int64, _ byte: UInt8) -> AuditHead {
                AuditHead(sequence: number, hash: [UInt8](repeating: byte, count: 32))
            }
            let start = UnixTime(milliseconds: 1_000)
            #expect(try store.anchor(head(5, 1), at: start) && store.anchor(head(9, 2), at: start))
            #expect(try !store.anchor(head(9, 3), at: start) && !store.anchor(head(7, 4), at: start))
            // The log was cut off, and ends where it once ended.
            #expect(try !store.anchor(head(5, 1), at: start))
            #expect(
                try reopen().anchors(after: 0, limit: 10).map(\.head) == [
                    head(5, 1), head(7, 4), head(9, 2), head(9, 3),
                ])
            for number in 0..<1_100 {
                #expect(
                    try !store.anchor(
                        AuditHead(
                            sequence: 8,
                            hash: [UInt8](repeating: 9, count: 30) + [UInt8(number / 256), UInt8(number % 256)]),
                        at: start))
            }
            var count = 0
            var after: Int64 = 0
            while case let page = try store.anchors(after: after, limit: 1_000), let last = page.last?.head.sequence {
                count += page.count
                after = last
            }
            #expect(count <= 1_002)
            // However long ago, it stays.
            #expect(try store.anchor(head(20, 1), at: start + .seconds(10 * 86_400)))
            #expect(try store.anchors(after: 8, limit: 10).map(\.head).contains(head(9, 3)))
        }
    }
}
