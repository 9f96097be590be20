/// One of the three steps of an attempt, in the order in which they run.
package enum Stage: String, Hashable, Sendable, CaseIterable {
    case preScript = "pre-script"
    case backup
    case postScript = "post-script"
}
