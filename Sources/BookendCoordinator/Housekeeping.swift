import BookendModel

/// What is done now and then, and when it is due.
struct Housekeeping {
    enum Chore: CaseIterable {
        case keyFile, memories, pruning, probing

        var interval: Duration {
            switch self {
            case .keyFile: .seconds(2)
            case .memories, .probing: .seconds(60)
            case .pruning: .seconds(3_600)
            }
        }
    }

    private var last: [Chore: BootTime]
    /// Agents that were heard of since then have not been remembered.
    private(set) var rememberedSince: BootTime

    init(at now: BootTime) {
        last = Dictionary(uniqueKeysWithValues: Chore.allCases.map { ($0, now) })
        rememberedSince = now
    }

    /// Counts as done when it is due.
    mutating func isDue(_ chore: Chore, at now: BootTime) -> Bool {
        guard let before = last[chore], now - before >= chore.interval else { return false }
        last[chore] = now
        if chore == .memories { rememberedSince = before }
        return true
    }
}
