package import BookendModel
import Foundation
import Synchronization

/// The zones of the IANA database, as Foundation brings them.
///
/// A zone's changes are looked up once, for the years 1990 to 2120; what is asked of it then is a search in a small list.
package struct TimeZones: ZoneCatalog {
    private static let known = Mutex<[String: ZoneTable?]>([:])
    /// Of the names that somebody may ask for: agents say what they like.
    private static let limit = 1_000
    /// Names of the IANA database without a slash. Foundation knows others, which no other program does.
    private static let plainNames: Set<String> = [
        "CET", "CST6CDT", "EET", "EST", "EST5EDT", "GMT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "UTC", "WET",
    ]

    package init() {}

    package var names: [String] { (TimeZone.knownTimeZoneIdentifiers + ["UTC"]).sorted() }

    package func rules(of zone: String) -> (any ZoneRules)? {
        guard (1...PolicyLimits.zoneBytes).contains(zone.utf8.count) else { return nil }
        guard Self.plainNames.contains(zone) || zone.utf8.contains(UInt8(ascii: "/")) else { return nil }
        return Self.known.withLock { known in
            if let table = known[zone] { return table }
            let table = TimeZone(identifier: zone).map(ZoneTable.init)
            if known.count < Self.limit { known[zone] = .some(table) }
            return table
        }
    }
}

/// The offsets of one zone and when they begin.
private struct ZoneTable: ZoneRules {
    /// In milliseconds since 1970, in order; the first holds for all times before, too.
    private var beginnings: [Int64]
    private var offsets: [Int64]

    /// 1990 to 2120, in seconds since 1970.
    private static let span = (631_152_000.0)...4_733_510_400.0

    init(_ zone: TimeZone) {
        var time = Date(timeIntervalSince1970: Self.span.lowerBound)
        beginnings = [Int64(Self.span.lowerBound) * 1_000]
        offsets = [Int64(zone.secondsFromGMT(for: time))]
        while let next = zone.nextDaylightSavingTimeTransition(after: time), next > time,
            next.timeIntervalSince1970 < Self.span.upperBound
        {
            beginnings.append(Int64((next.timeIntervalSince1970 * 1_000).rounded()))
            offsets.append(Int64(zone.secondsFromGMT(for: next)))
            time = next
        }
    }

    func offset(at time: UnixTime) -> Int64 {
        // The last that begins at or before the time.
        var (low, high) = (0, beginnings.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if beginnings[middle] <= time.milliseconds { low = middle } else { high = middle }
        }
        return offsets[low]
    }
}
