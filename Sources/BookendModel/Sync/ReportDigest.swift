/// Names one report by itself and everything that its agent reported before it: a running 64-bit hash.
///
/// Two journals of which one is a copy of the other have the same digests up to the report at which they part, and none
/// in common behind it. So a digest says whether two sides mean the same report by a number, and whether a report that
/// is sent under a new number is one that is known. It protects against mix-ups, not against an agent that lies: that
/// one can harm its own reports only.
package struct ReportDigest: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The digest of the report that follows this one.
    ///
    /// The list of fields is frozen: one that a later version adds to reports stays out, for peers of an earlier version
    /// would not know it and come to another digest. Agent, incarnation and sequence are no part of it.
    package func followed(by report: Report) -> ReportDigest {
        var hash = Hash(state: rawValue)
        hash.mix(report.trigger.job.rawValue)
        hash.mix(report.trigger.policy.rawValue)
        hash.mix(report.attempt)
        switch report.stage {
        case nil: hash.mix(0)
        case .preScript: hash.mix(1)
        case .backup: hash.mix(2)
        case .postScript: hash.mix(3)
        }
        hash.mix(report.status.rawValue)
        hash.mix(report.at.milliseconds)
        hash.mix(report.details.reason)
        hash.mix(report.details.exitCode ?? -1)
        hash.mix(report.details.signal ?? -1)
        hash.mix(report.details.snapshotID ?? "")
        return ReportDigest(rawValue: hash.result)
    }

    /// FNV-1a, and at the end a mix, so that each bit of a report changes about half of the digest's.
    private struct Hash {
        var state: UInt64

        mutating func mix(_ number: some BinaryInteger) {
            var rest = UInt64(bitPattern: Int64(number))
            for _ in 0..<8 {
                mix(byte: UInt8(truncatingIfNeeded: rest))
                rest >>= 8
            }
        }

        /// The length stands before the bytes: what ends one text never begins the next.
        mutating func mix(_ text: String) {
            mix(text.utf8.count)
            for byte in text.utf8 { mix(byte: byte) }
        }

        private mutating func mix(byte: UInt8) {
            state = (state ^ UInt64(byte)) &* 0x100_0000_01B3
        }

        var result: UInt64 {
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
