import BookendModel
import Testing

/// A counter that may have gone back in time, and others who tell how far it had come: some of them lie.
@Suite struct LostNumberTests {
    /// A store that begins a run at a number, and gives the next ones.
    private struct Counter {
        var highest: Int64
        var lost: LostNumbers
        var raises = 0

        init(at first: Int64) {
            highest = first
            lost = LostNumbers(above: first)
        }

        mutating func hear(_ claim: Int64) {
            guard claim > highest, let next = lost.goAbove(claim) else { return }
            highest = next
            raises += 1
        }

        mutating func give() -> Int64 {
            highest += 1
            return highest
        }
    }

    @Test func `a restored counter goes on above all that was given, whoever comes first and however many know of it`()
    {
        var random = SeededNumbers(seed: 7)
        for _ in 0..<300 {
            let first = Int64.random(in: 0...5_000_000, using: &random)
            let truth = first + Int64.random(in: 0...LostNumbers.believable, using: &random)
            // What was given and is known to somebody; one of them knows the last one.
            var claims = (0..<8).map { _ in Int64.random(in: 0...truth, using: &random) } + [truth]
            claims.shuffle(using: &random)
            var counter = Counter(at: first)
            for (place, claim) in claims.enumerated() {
                counter.hear(claim)
                // It goes on while the others are still away, and liars come in between.
                #expect(counter.give() > claims[...place].max()!)
                if Bool.random(using: &random) { counter.hear(counter.highest + .random(in: 1...9, using: &random)) }
                if Bool.random(using: &random) { counter.hear(.max) }
            }
            #expect(counter.highest > truth)
        }
    }

    @Test func `who makes numbers up raises a counter by some two million at most, and a few times a run`() {
        for step in [1, 999, 40_000, LostNumbers.believable] {
            var counter = Counter(at: 100)
            for _ in 0..<5_000 { counter.hear(counter.highest + step) }
            #expect(counter.highest <= 100 + 2 * LostNumbers.believable && counter.raises <= 12)
        }
        var counter = Counter(at: .max - 10)
        counter.hear(.max)
        #expect(counter.highest == .max)
    }
}

/// The same numbers for the same seed.
private struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
