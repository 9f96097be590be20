package import BookendModel

/// The part of the coordinator's memory that says who may come in. Each call is one transaction, durable when it returns.
package protocol AccessStore: Sendable {
    /// Everything that was recorded and not forgotten: revoked peers and used tokens too.
    func access() throws(CoordinatorError) -> (peers: [Peer], tokens: [EnrollmentToken])

    /// Records all or nothing.
    ///
    /// - Returns: The peers with their generations, each higher than any that was given before; those of keys that were
    ///   revoked already are left out.
    func record(
        _ change: AccessChange, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [Peer]

    /// Removes tokens that let nobody in any more. One that is not there does no harm.
    func forget(_ tokens: [TokenID]) throws(CoordinatorError)
}
