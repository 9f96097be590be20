import Glibc

/// Inputs of 1 MiB, made of what the corpus holds: each input over and over, and a slice of it over and over in its place.
/// What takes more than linear time or memory shows here.
enum LargeInputs {
    private static let size = 1 << 20
    private static let mostInputs = 60

    static func run(_ target: Target, corpus: [[UInt8]]) {
        var random = Generator(state: 7)
        let inputs = (target.seeds() + corpus.shuffled(using: &random)).prefix(mostInputs).filter { !$0.isEmpty }
        var slowest = (seconds: 0.0, bytes: [UInt8]())
        var count = 0
        for input in inputs {
            for bytes in [repeating(input[...], in: input, at: 0)] + slices(of: input, &random) {
                var seconds = Harness.time(bytes)
                // On a busy machine a core is shared: the least of three counts.
                for _ in 0..<2 where seconds > Harness.limit { seconds = min(seconds, Harness.time(bytes)) }
                count += 1
                if seconds > slowest.seconds { slowest = (seconds, bytes) }
                guard seconds <= Harness.limit else {
                    Folder.write(bytes, to: "large-\(target.name)")
                    broken("an input of \(bytes.count) bytes took \(seconds) s; it is kept as large-\(target.name)")
                }
            }
        }
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        print(
            "large \(target.name): \(count) inputs, slowest \(slowest.seconds) s, \(usage.ru_maxrss / 1024) MiB resident"
        )
    }

    private static func slices(of input: [UInt8], _ random: inout Generator) -> [[UInt8]] {
        (0..<3).map { _ in
            let start = Int.random(in: 0..<input.count, using: &random)
            let length = Int.random(in: 1...min(64, input.count - start), using: &random)
            return repeating(input[start..<start + length], in: input, at: start)
        }
    }

    private static func repeating(_ slice: ArraySlice<UInt8>, in input: [UInt8], at place: Int) -> [UInt8] {
        let times = max(1, (size - input.count) / slice.count)
        var result = Array(input[..<place])
        result.reserveCapacity(size)
        for _ in 0..<times { result += slice }
        return Array((result + input[place...]).prefix(size))
    }
}

/// A small seeded generator, so that a run comes back.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
