/// Finds the word that was probably meant.
package enum Nearest {
    /// The candidate with the fewest edits from `word`, if that is few enough to be a slip, and the first one of equals;
    /// otherwise one that `word` is the beginning of.
    package static func match(_ word: String, among candidates: some Sequence<String>) -> String? {
        let word = folded(word)
        guard (1...64).contains(word.count) else { return nil }
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let target = folded(candidate)
            let distance = edits(from: word, to: target)
            guard distance <= max(1, min(word.count, target.count) / 3), distance < target.count else { continue }
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.candidate ?? candidates.first { word.count >= 3 && folded($0).starts(with: word) }
    }

    /// Case, hyphens and underscores are no difference: `Pre-Timeout` is `pre_timeout`.
    private static func folded(_ word: String) -> [UInt8] {
        word.utf8.prefix(65).compactMap { byte in
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: " "): nil
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            default: byte
            }
        }
    }

    /// Insertions, deletions, replacements, and exchanges of neighbours.
    static func edits(from source: [UInt8], to target: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...target.count)
        for i in source.indices {
            var current = [i + 1]
            for j in target.indices {
                var cost = min(
                    previous[j + 1] + 1, current[j] + 1, previous[j] + (source[i] == target[j] ? 0 : 1))
                if i > 0, j > 0, source[i] == target[j - 1], source[i - 1] == target[j] {
                    cost = min(cost, beforePrevious[j - 1] + 1)
                }
                current.append(cost)
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[target.count]
    }
}
