/// How old the last good backup of a server may be, by policy.
package struct PolicyObjectives: Hashable, Sendable {
    package let within: [PolicyName: Duration]
    /// Of this content: the same each time, and another for other objectives. Not 0.
    package let version: UInt64

    package init(_ within: [PolicyName: Duration]) {
        self.within = within
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for (policy, duration) in within.sorted(by: { $0.key < $1.key }) {
            policy.rawValue.utf8.forEach(add)
            add(0)
            for shift in stride(from: 0, to: 64, by: 8) {
                add(UInt8(truncatingIfNeeded: duration.milliseconds >> shift))
            }
        }
        version = max(hash, 1)
    }
}
