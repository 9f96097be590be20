/// Holds an audit log against itself, and against the heads that the collector saw.
///
/// ```
/// entries in order ─▶ take ─▶ take ─▶ … ─▶ findings
///                      ▲ anchors
/// ```
package struct AuditCheck: Sendable {
    package enum Finding: Hashable, Sendable {
        /// These are not there.
        case missing(ClosedRange<Int64>)
        /// It comes again, or after a later one.
        case outOfOrder(Int64)
        /// Its hash is not that of what it says.
        case altered(Int64)
        /// It does not hold the hash of the one before.
        case unlinked(Int64)
        /// The collector saw another hash at the anchor: something behind `after` and up to the anchor was changed, and
        /// all hashes were made anew. `after` 0: perhaps the whole log.
        case replaced(after: Int64, AuditAnchor)
        /// The log ends before what the collector saw.
        case cutOff(after: Int64, AuditAnchor)
    }

    /// In the order of their sequence, those of the anchors last.
    package private(set) var findings: [Finding] = []
    package private(set) var entries = 0
    /// The last entry that was taken.
    package private(set) var last: AuditHead?
    /// The highest anchor that agrees; 0: none does.
    package private(set) var anchoredThrough: Int64 = 0
    private var anchors: [Int64: [AuditAnchor]]
    private var highest: AuditAnchor?
    private var isReplaced = false
    private let hash: @Sendable ([UInt8]) -> [UInt8]

    /// - Parameters:
    ///   - anchors: All that the collector has.
    ///   - hash: SHA-256.
    package init(anchors: [AuditAnchor], hash: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.anchors = Dictionary(grouping: anchors, by: \.head.sequence)
        highest = anchors.max { $0.head.sequence < $1.head.sequence }
        self.hash = hash
    }

    package mutating func take(_ entry: AuditEntry) {
        entries += 1
        let (expected, previous) = ((last?.sequence ?? 0) + 1, last?.hash ?? AuditEntry.origin)
        if entry.sequence > expected {
            findings.append(.missing(expected...(entry.sequence - 1)))
            compare(through: entry.sequence - 1)
        } else if entry.sequence < expected {
            findings.append(.outOfOrder(entry.sequence))
        }
        if hash(entry.canonicalBytes) != entry.hash {
            findings.append(.altered(entry.sequence))
        } else if entry.sequence == expected, entry.previous != previous {
            findings.append(.unlinked(entry.sequence))
        }
        last = AuditHead(sequence: max(entry.sequence, last?.sequence ?? 0), hash: entry.hash)
        compare(entry)
    }

    /// No entry follows.
    package mutating func end() {
        if let highest, highest.head.sequence > last?.sequence ?? 0 {
            findings.append(.cutOff(after: last?.sequence ?? 0, highest))
        }
    }

    private mutating func compare(_ entry: AuditEntry) {
        for anchor in anchors.removeValue(forKey: entry.sequence) ?? [] {
            if anchor.head.hash == entry.hash {
                if !isReplaced { anchoredThrough = entry.sequence }
            } else if !isReplaced {
                // What follows differs as well: the first says where.
                isReplaced = true
                findings.append(.replaced(after: anchoredThrough, anchor))
            }
        }
    }

    /// Anchors of entries that are missing prove no more than that they were there.
    private mutating func compare(through sequence: Int64) {
        for known in anchors.keys where known <= sequence { anchors[known] = nil }
    }
}
