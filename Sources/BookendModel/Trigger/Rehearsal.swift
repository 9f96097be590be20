/// What goes wrong on purpose in a rehearsal: it strikes while the pre-script runs, as it may in earnest.
package struct StagedFault: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The script's process tree is ended as by its timeout: its status is 20.
        case timeout
        /// The script's own process is killed from outside: its status is 21.
        case kill
        /// The job is canceled: the script runs to its end.
        case cancel
        /// The job's window ends, and the script with it: its status is 22.
        case expire
    }

    package static let delays = Duration.zero...Duration.seconds(3_600)
    package static let usualDelay = Duration.seconds(1)

    package var kind: Kind
    /// From the start of the pre-script on; within ``delays``, in whole milliseconds.
    package var after: Duration

    package init(_ kind: Kind, after: Duration = usualDelay) {
        self.kind = kind
        self.after = after
    }
}

/// As it is kept, and as the audit log shows it: `kill after 1000 ms`.
extension StagedFault: LosslessStringConvertible {
    package init?(_ description: String) {
        let words = description.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 4, words[1] == "after", words[3] == "ms", let kind = Kind(rawValue: String(words[0])),
            let after = Int64(words[2]), Self.delays.contains(.milliseconds(after))
        else { return nil }
        self.init(kind, after: .milliseconds(after))
    }

    package var description: String { "\(kind.rawValue) after \(after.milliseconds) ms" }
}

/// Both scripts of a policy, on one of its agents, without a backup between them.
package struct RehearsalOrder: Hashable, Sendable {
    package var policy: PolicyName
    package var agent: AgentID
    /// `nil`: nothing goes wrong on purpose.
    package var fault: StagedFault?
    /// An order that is read later is refused: nobody waits for its answer any more. `nil`: it holds for ever.
    package var validUntil: UnixTime?

    package init(policy: PolicyName, agent: AgentID, fault: StagedFault? = nil, validUntil: UnixTime? = nil) {
        self.policy = policy
        self.agent = agent
        self.fault = fault
        self.validUntil = validUntil
    }
}
