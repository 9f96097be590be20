import BookendModel

/// Which heads of the audit log are kept.
enum AuditAnchors {
    /// Heads that are not above every other, at most.
    static let oddLimit = 1_000
    static let hour: Int64 = 3_600_000
    /// All are kept for so long.
    static let day: Int64 = 86_400_000

    /// The time before which an hour's first and last are enough: a whole hour, so that what they are does not change.
    static func thinned(at now: UnixTime) -> Int64 {
        (now.milliseconds - day) / hour * hour
    }
}
