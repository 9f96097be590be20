/// How an agent counts its reports for one collector.
///
/// A journal numbers its reports 1, 2, 3 … once and for all. For each collector they go out as a stream, whose sequence
/// numbers begin behind a base. When agent and collector find that they mean different reports by the same number, or that
/// some are missing for good, the agent begins a new stream with what it still keeps; the collector knows by their
/// ``ReportDigest`` those that it has.
package struct ReportStream: Hashable, Sendable {
    /// No two streams of an agent have the same.
    package var incarnation: UInt64
    /// The number before that of the stream's first report.
    package var base: UInt64
    /// The highest number that the collector has stored; no lower than the base.
    package var acknowledged: UInt64
    /// The collector's epoch when it acknowledged that; 0: it never did.
    package var epoch: Int64

    package init(incarnation: UInt64, base: UInt64 = 0, acknowledged: UInt64? = nil, epoch: Int64 = 0) {
        self.incarnation = incarnation
        self.base = base
        self.acknowledged = max(base, acknowledged ?? base)
        self.epoch = epoch
    }

    /// - Parameter number: Of the journal; above the base.
    package func sequence(of number: UInt64) -> UInt64 { number - base }

    /// The journal's number, or the highest possible one if there is none.
    package func number(of sequence: UInt64) -> UInt64 {
        let (number, overflow) = base.addingReportingOverflow(sequence)
        return overflow ? .max : number
    }

    /// The stream that takes this one's place.
    ///
    /// It follows from what the journal holds, and so two copies of a journal that found out the same speak of the same
    /// stream, until they part.
    ///
    /// - Parameter newest: The digest of the journal's newest report.
    package func renewed(base: UInt64, newest: ReportDigest) -> ReportStream {
        var mixed = incarnation ^ (newest.rawValue &* 0x9E37_79B9_7F4A_7C15) &+ base
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return ReportStream(incarnation: max(1, mixed ^ (mixed >> 31)), base: base)
    }
}

/// Why an agent begins a new stream.
package enum StreamBreak: Hashable, Sendable {
    /// The collector has reports under numbers that this journal has not reached: the journal went back in time, or the
    /// agent was cloned.
    case journalIsBehind(collectorHas: UInt64)
    /// The collector has other reports than this journal under the same numbers: as above, and more was reported since.
    case diverged(at: UInt64)
    /// The collector went back in time, and these are no longer kept here.
    case lostByCollector(ClosedRange<UInt64>)
    /// The collector is new to this journal, and these are no longer kept here.
    case olderThanCollector(ClosedRange<UInt64>)
}
