/// What an operator's key may do; each role may do what the one before may.
package enum OperatorRole: String, Hashable, Sendable, CaseIterable {
    case viewer
    case `operator`
    case admin
}
