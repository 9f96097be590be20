/// The zones that there are. The model has no table of them: it is handed in.
package protocol ZoneCatalog: Sendable {
    /// `nil`: there is no such zone.
    func rules(of zone: String) -> (any ZoneRules)?
    /// All that have rules, in order.
    var names: [String] { get }
}

/// A zone whose clocks are never changed.
package struct FixedZone: ZoneRules, Hashable {
    package var seconds: Int64

    package init(seconds: Int64) { self.seconds = seconds }

    package static let utc = FixedZone(seconds: 0)

    package func offset(at time: UnixTime) -> Int64 { seconds }
}

/// Only UTC.
package struct NoZones: ZoneCatalog {
    package init() {}

    package func rules(of zone: String) -> (any ZoneRules)? { zone == "UTC" ? FixedZone.utc : nil }
    package var names: [String] { ["UTC"] }
}
