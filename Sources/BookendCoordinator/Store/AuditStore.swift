import BookendDigest
package import BookendModel

/// The part of the coordinator's memory that says who did what. Entries are never changed and never removed: a fleet that
/// is worked on a hundred times a day adds some ten megabytes in a year.
///
/// What belongs to a change is written in the change's own transaction, by the call that makes it.
package protocol AuditStore: Sendable {
    /// Writes what belongs to no other change.
    func append(_ drafts: [AuditDraft], at now: UnixTime) throws(CoordinatorError)

    /// `nil`: there is no entry.
    func auditHead() throws(CoordinatorError) -> AuditHead?

    /// In the order of their sequence.
    func audit(_ filter: AuditFilter) throws(CoordinatorError) -> [AuditEntry]
}

extension AuditEntry {
    /// SHA-256.
    static func digest(_ bytes: [UInt8]) -> [UInt8] { SHA256.hash(bytes).bytes }
}

// Changes that nobody is to be named for.
extension PolicyStore {
    package func record(_ edits: [PolicyEdit], by author: String, at now: UnixTime) throws(CoordinatorError) {
        try record(edits, by: author, audit: [], at: now)
    }

    package func record(_ drafts: [TriggerRecord], at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord] {
        try record(drafts, audit: { _ in [] }, at: now)
    }

    package func cancel(_ job: JobID, at now: UnixTime) throws(CoordinatorError) -> TriggerRecord? {
        try cancel(job, audit: [], at: now)
    }

    package func record(_ peers: [Peer], token: EnrollmentToken?) throws(CoordinatorError) -> [Peer] {
        let change = AccessChange(peers: peers, tokens: token.map { [$0] } ?? [])
        return try record(change, audit: [], at: UnixTime(milliseconds: 0))
    }
}
