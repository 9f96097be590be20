import BookendModel
import FoundationEssentials

/// One snapshot, as `restic snapshots --json` lists it.
package struct ResticSnapshot: Decodable, Hashable, Sendable {
    package var id: String
    package var short_id: String?
    /// As restic writes it: RFC 3339.
    package var time: String
    package var hostname: String?
    package var paths: [String]?
    package var tags: [String]?

    /// Reads restic's whole answer; an empty repository may be `null`.
    ///
    /// - Returns: `nil` for what is no list of snapshots: an id that is too long is none, and could not be told to anybody.
    static func list(_ data: Data) -> [ResticSnapshot]? {
        if data.starts(with: Data("null".utf8)) { return [] }
        guard let list = try? JSONDecoder().decode([ResticSnapshot].self, from: data),  // nil says it
            list.allSatisfy({ $0.id.utf8.count <= SnapshotSummary.longestID })
        else { return nil }
        return list
    }
}

extension SnapshotSummary {
    init(_ snapshot: ResticSnapshot) {
        self.init(
            id: snapshot.id, at: UnixTime(rfc3339: snapshot.time) ?? UnixTime(milliseconds: 0),
            paths: snapshot.paths ?? [], tags: snapshot.tags ?? [], host: snapshot.hostname ?? "")
    }
}

extension UnixTime {
    /// Reads what restic writes: `2026-11-23T02:00:00.123456789+01:00`. `nil` for anything else.
    init?(rfc3339 text: String) {
        // Foundation's style takes at most milliseconds: the fraction is cut off, and added again.
        guard let second = text.firstIndex(of: ".") ?? text.lastIndex(where: { $0 == "Z" || $0 == "+" || $0 == "-" })
        else { return nil }
        let rest = text[second...]
        let zone = rest.drop { $0 == "." || $0.isNumber }
        guard let date = try? Date(String(text[..<second]) + zone, strategy: .iso8601)  // nil says it
        else { return nil }
        let digits = rest.dropFirst().prefix { $0.isNumber }.prefix(3)
        let fraction = rest.first == "." ? Int64(digits + String(repeating: "0", count: 3 - digits.count)) ?? 0 : 0
        self.init(milliseconds: Int64(date.timeIntervalSince1970) * 1_000 + fraction)
    }
}
