/// Makes a history that fails as short as can be: takes faults away as long as it fails still.
package struct Shortening {
    let seed: UInt64
    let size: History.Size
    let keys: FleetKeys

    package init(seed: UInt64, size: History.Size, keys: FleetKeys) {
        self.seed = seed
        self.size = size
        self.keys = keys
    }

    /// - Parameter tries: Histories that may be run, at most.
    /// - Returns: The lines of the faults that are left, and the last history with its story; `nil`: it does not fail.
    package func shorten(tries: Int) -> (faults: [String], outcome: History.Outcome)? {
        var faults = FaultPlan.faults(seed, agents: size.agents, until: size.end)
        guard fails(faults) else { return nil }
        var left = tries
        // Large pieces first, then smaller ones.
        var piece = max(1, faults.count / 2)
        while left > 0 {
            var start = 0
            var isShorter = false
            while start < faults.count, left > 0 {
                var fewer = faults
                fewer.removeSubrange(start..<min(start + piece, faults.count))
                left -= 1
                if fails(fewer) {
                    faults = fewer
                    isShorter = true
                } else {
                    start += piece
                }
            }
            if piece == 1, !isShorter { break }
            piece = max(1, piece / 2)
        }
        let last = History(seed: seed, size: size, faults: faults).run(keys, strikes: StrikeTable(), tellsStory: true)
        return (faults.map(\.description), last)
    }

    private func fails(_ faults: [Fault]) -> Bool {
        !History(seed: seed, size: size, faults: faults).run(keys, strikes: StrikeTable()).violations.isEmpty
    }
}
