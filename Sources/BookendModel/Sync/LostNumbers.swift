/// Numbers that a store gave before it went back in time, as others tell of them: how far they are believed.
///
/// A store goes back only while nobody uses it. So whatever was lost lies above the number with which this run began:
///
/// ```
/// first ────────────── given in this run ──▶ ··· lost, if anything was ··· first + 1,000,000
///                                            a claim in here is believed    and none above
/// ```
///
/// The bound stands still. Whoever comes first, and however many know different numbers, each honest one is believed; and
/// those who lie, one after the other, get no further than one who lies once.
package struct LostNumbers: Hashable, Sendable {
    /// So many were lost, at most.
    package static let believable: Int64 = 1_000_000

    private let bound: Int64
    /// Numbers that are left out above a claim: others may know higher ones, and say so later. It doubles, so that a run sees
    /// some ten claims, and a liar cannot have the numbers raised again and again.
    private var gap: Int64 = 1_000

    /// - Parameter first: The highest that was given when this run began.
    package init(above first: Int64) {
        bound = first.addingSaturating(Self.believable)
    }

    package func isBelievable(_ claim: Int64) -> Bool { claim <= bound }

    /// Somebody knows a number that is above all that were given.
    ///
    /// - Returns: The number above which to go on; `nil`: it cannot be.
    package mutating func goAbove(_ claim: Int64) -> Int64? {
        guard isBelievable(claim) else { return nil }
        defer { gap = min(gap * 2, Self.believable) }
        return claim.addingSaturating(gap)
    }
}
