/// Notices that two live agents use one key: a process that was followed by another one is heard again.
///
/// Each start of an agent's process has a random number of its own. One that follows another is a restart, and the other is
/// never heard of again, unless both live.
package struct CloneWatch: Hashable, Sendable {
    /// What was sent before a restart may be read behind it.
    private static let patience = Duration.seconds(10)
    /// Without a sign of a second one for this long there is one again.
    private static let memory = Duration.seconds(600)
    private static let limit = 8

    private var current: UInt64 = 0
    /// Instances that were followed by another one, and when. The oldest is forgotten.
    private var superseded: [(instance: UInt64, at: BootTime)] = []
    private var seenAt: BootTime?

    package init() {}

    package var isCloned: Bool { seenAt != nil }

    /// - Parameter instance: 0: the agent does not say.
    package mutating func hear(_ instance: UInt64, at now: BootTime) {
        if let seenAt, now - seenAt >= Self.memory { self.seenAt = nil }
        guard instance != 0, instance != current else { return }
        if let index = superseded.firstIndex(where: { $0.instance == instance }) {
            guard now - superseded[index].at >= Self.patience else { return }
            seenAt = now
            superseded.remove(at: index)
        }
        if current != 0 { superseded.append((current, now)) }
        if superseded.count > Self.limit { superseded.removeFirst() }
        current = instance
    }

    package static func == (left: CloneWatch, right: CloneWatch) -> Bool {
        left.current == right.current && left.seenAt == right.seenAt
            && left.superseded.map(\.instance) == right.superseded.map(\.instance)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(current)
        hasher.combine(seenAt)
    }
}
