/// Numbers that follow from a seed.
///
/// Each question has a generator of its own, made from the seed and what is asked, so that the answers do not depend on
/// what else was asked before: a history without one of its faults keeps all the rest.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    init(_ seed: UInt64, _ question: StaticString, _ parts: Int64...) {
        var hash = seed ^ 0xCBF2_9CE4_8422_2325
        question.withUTF8Buffer { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 } }
        for part in parts { hash = Self.mixed(hash &+ UInt64(bitPattern: part)) }
        state = Self.mixed(hash)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// True in so many of a thousand cases.
    mutating func permille(_ part: Int) -> Bool { Int.random(in: 0..<1_000, using: &self) < part }

    mutating func pick<T>(_ from: [T]) -> T { from[Int.random(in: 0..<from.count, using: &self)] }

    mutating func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }

    /// Small ones often, large ones seldom.
    mutating func skewed(_ range: ClosedRange<Int64>) -> Int64 {
        let part = Double.random(in: 0..<1, using: &self)
        return range.lowerBound + Int64(Double(range.upperBound - range.lowerBound) * part * part * part)
    }
}
