import BookendModel

/// Quantities as people read them.
enum Phrases {
    static func duration(_ duration: Duration) -> String { QuantityText.duration(duration) }

    /// `now`, `12 s ago`, `3 min ago`, `in 2 h`; `-` for never.
    static func relative(_ time: UnixTime?, to now: UnixTime) -> String {
        guard let time else { return "-" }
        let difference = (now - time).milliseconds / 1_000
        let text: String
        switch difference.magnitude {
        case ..<2: return "now"
        case ..<120: text = "\(difference.magnitude) s"
        case ..<7_200: text = "\(difference.magnitude / 60) min"
        case ..<172_800: text = "\(difference.magnitude / 3_600) h"
        default: text = "\(difference.magnitude / 86_400) d"
        }
        return difference < 0 ? "in \(text)" : "\(text) ago"
    }

    static func bytes(_ bytes: Int64) -> String { QuantityText.bytes(bytes) }

    /// `1 job`, `3 jobs`
    static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}

extension Status {
    var color: Color {
        switch self {
        case .successful: .good
        case .successfulWithErrors, .leftProcessesBehind, .canceled: .notice
        case .skipped, .notEnabled, .notAvailable: .faint
        case _ where family == .inProgress: .active
        default: .bad
        }
    }
}

extension Status {
    /// `40 agent-lost (inferred)`: nobody said so, and it may be put right.
    func marked(isInferred: Bool) -> String { isInferred ? "\(description) (inferred)" : description }

    var marked: String { marked(isInferred: family == .inferred) }
}

extension Table.Cell {
    init(_ status: Status) { self.init(status.marked, status.color) }
}
