/// What somebody did at a collector, for the coordinator's audit log.
package struct CollectorAction: Hashable, Sendable {
    /// Such as `operator/alice`.
    package var who: String
    package var what: Deed
    package var target: String
    /// Why, as whoever did it said.
    package var reason: String
    /// By the collector's clock.
    package var at: UnixTime

    package init(who: String, what: Deed, target: String, reason: String, at: UnixTime) {
        self.who = who.cut(toBytes: 256)
        self.what = what
        self.target = target.cut(toBytes: 512)
        self.reason = reason.cut(toBytes: 1_024)
        self.at = at
    }
}

extension AuditDraft {
    /// - Parameter collector: Whoever tells of it.
    package init(_ action: CollectorAction, toldBy collector: String) {
        self.init(
            who: action.who, origin: "", what: action.what.rawValue, target: action.target, result: .done,
            detail: "at \(collector), \(action.at.rfc3339)" + (action.reason.isEmpty ? "" : ": \(action.reason)"))
    }
}
