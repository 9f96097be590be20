/// The collector's side of the intake: decides which reports of a batch are new, and what may be acknowledged.
///
/// For each stream it knows the highest number up to which everything is stored, and the digest of that report. Only the
/// next number is taken, and only if it follows that very report; a lower one is a duplicate; anything else makes the
/// agent resume. What is taken counts as stored only after ``commit()``, and nothing is acknowledged before.
///
/// It needs not know connections: a batch says which report it follows, and an acknowledgement names the report that it
/// means. An agent that finds another one there than its own begins a new stream.
package struct Intake: Hashable, Sendable {
    /// Whose reports are counted together.
    package struct Source: Hashable, Sendable {
        package var agent: AgentID
        package var incarnation: UInt64

        package init(agent: AgentID, incarnation: UInt64) {
            self.agent = agent
            self.incarnation = incarnation
        }
    }

    /// How far a stream is stored.
    package struct Position: Hashable, Sendable {
        /// 0: nothing.
        package var through: UInt64
        /// Of the report at `through`; `nil`: unknown, for nothing is stored, or an earlier version stored it.
        package var digest: ReportDigest?

        package init(through: UInt64 = 0, digest: ReportDigest? = nil) {
            self.through = through
            self.digest = digest
        }
    }

    /// What a batch held.
    package struct Verdict: Hashable, Sendable {
        package var source: Source
        /// To be stored, in this order.
        package var new: [AcceptedReport] = []
        package var duplicates = 0
        /// Behind a gap, or behind another report than the one that is stored: not taken.
        package var outOfStep = 0
        /// Claiming another agent than the sender, or another stream than their batch: dropped.
        package var forged = 0
        /// The agent that the last of those claims; `nil`: there is none.
        package var claimed: AgentID?
        /// The batch does not follow what is stored.
        package var mustResume: Bool { outOfStep > 0 }
    }

    private var stored: [Source: Position]
    /// Ahead of `stored`, until the commit.
    private var taken: [Source: Position] = [:]

    package init(stored: [Source: Position]) {
        self.stored = stored
    }

    /// Judges a batch that came from a sender, by its key.
    package mutating func take(_ batch: IntakeBatch, from sender: AgentID) -> Verdict {
        let source = Source(agent: sender, incarnation: batch.incarnation)
        var verdict = Verdict(source: source)
        var position = taken[source] ?? stored[source] ?? Position()
        // Of the report before the one that is looked at, as the sender tells it.
        var digest = batch.after
        var previous: UInt64?
        for report in batch.reports {
            guard report.origin.agent == sender, report.origin.incarnation == batch.incarnation else {
                verdict.forged += 1
                verdict.claimed = report.origin.agent
                continue
            }
            let sequence = report.origin.sequence
            let isNext = previous.map { sequence == $0 &+ 1 } ?? true
            let before = digest
            digest = digest.followed(by: report)
            previous = sequence
            if isNext, sequence <= position.through {
                verdict.duplicates += 1
            } else if isNext, sequence == position.through + 1, position.digest == nil || position.digest == before {
                position = Position(through: sequence, digest: digest)
                verdict.new.append(AcceptedReport(report: report, digest: digest))
            } else {
                verdict.outOfStep += 1
            }
        }
        if !verdict.new.isEmpty { taken[source] = position }
        return verdict
    }

    /// Everything that was taken is durable.
    package mutating func commit() {
        stored.merge(taken) { $1 }
        taken = [:]
    }

    /// Nothing that was taken since the last commit was stored.
    package mutating func rollBack() {
        taken = [:]
    }

    /// What is stored of a source.
    ///
    /// - Parameters:
    ///   - epoch: The store's.
    ///   - mustResume: It answers a batch that does not follow what is stored.
    package func acknowledgement(for source: Source, epoch: Int64, mustResume: Bool = false) -> IntakeAck {
        let position = stored[source] ?? Position()
        return IntakeAck(
            incarnation: source.incarnation, through: position.through, digest: position.digest, epoch: epoch,
            mustResume: mustResume)
    }

    /// In this very epoch the source was told of more than is stored: the store went back in time, and cursors of its
    /// epoch may stand for other reports than those that they were given for.
    package func isBehind(_ resume: IntakeResume, of source: Source, epoch: Int64) -> Bool {
        resume.epoch == epoch && resume.acknowledged > stored[source]?.through ?? 0
    }

    /// The store no longer knows these.
    package mutating func forget(_ sources: some Sequence<Source>) {
        for source in sources { stored[source] = nil }
    }
}

/// A report with the name by which it is known, under whatever number it comes.
package struct AcceptedReport: Hashable, Sendable {
    package var report: Report
    package var digest: ReportDigest

    package init(report: Report, digest: ReportDigest) {
        self.report = report
        self.digest = digest
    }
}
