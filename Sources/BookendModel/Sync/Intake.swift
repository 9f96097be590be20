/// The collector's side of the intake: decides which reports of a batch are new, and what may be acknowledged.
///
/// For each agent and incarnation it knows the highest number up to which everything is stored. Only the next number is
/// taken; a lower one is a duplicate, a higher one leaves a gap and is not taken: the agent sends it again. What is
/// taken counts as stored only after ``commit()``, and nothing is acknowledged before.
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

    /// What a batch held.
    package struct Verdict: Hashable, Sendable {
        /// To be stored, in this order.
        package var new: [Report] = []
        package var duplicates = 0
        /// Behind a gap: not taken.
        package var beyondGap = 0
        /// Claiming another agent than the sender: dropped.
        package var forged = 0
        /// The incarnations that are to be answered.
        package var sources: Set<Source> = []
    }

    private var stored: [Source: UInt64]
    /// Ahead of `stored`, until the commit.
    private var taken: [Source: UInt64] = [:]

    /// - Parameter stored: The highest stored number of each source.
    package init(stored: [Source: UInt64]) {
        self.stored = stored
    }

    /// Judges a batch that came from a sender, by its key.
    package mutating func take(_ batch: [Report], from sender: AgentID) -> Verdict {
        var verdict = Verdict()
        for report in batch {
            guard report.origin.agent == sender else {
                verdict.forged += 1
                continue
            }
            let source = Source(agent: sender, incarnation: report.origin.incarnation)
            verdict.sources.insert(source)
            let through = taken[source] ?? stored[source] ?? 0
            if report.origin.sequence <= through {
                verdict.duplicates += 1
            } else if report.origin.sequence == through + 1 {
                taken[source] = report.origin.sequence
                verdict.new.append(report)
            } else {
                verdict.beyondGap += 1
            }
        }
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

    /// What is stored of a source; 0 for one that was never heard of.
    package func acknowledgement(for source: Source) -> IntakeAck {
        IntakeAck(incarnation: source.incarnation, through: stored[source] ?? 0)
    }
}
