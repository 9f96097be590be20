import BookendFiles
import BookendModel

/// How old a good backup may be: as policies say, and as this collector's configuration does; the shorter of both holds.
struct Objectives: Sendable {
    /// A policy that a server had no job of for so long protects it no more.
    private static let memory = Duration.seconds(30 * 86_400)

    private let configured: [ObjectiveConfiguration]
    /// `nil`: no coordinator told of it yet.
    private let promised: PolicyObjectives?

    init(_ configured: [ObjectiveConfiguration], _ store: any AlertStore) throws(CollectorError) {
        self.configured = configured
        promised = try store.objectives()
    }

    /// What policies say is known.
    var isComplete: Bool { promised != nil }

    subscript(policy: PolicyName) -> Duration? {
        let limits = configured.filter { AlertRouting.matches($0.policies, policy) }.map(\.within)
        return (limits + [promised?.within[policy]].compactMap(\.self)).min()
    }

    /// Of the servers that a policy protects.
    func ages(
        _ store: any AlertStore, _ protection: Protection, since time: UnixTime? = nil, at now: UnixTime
    ) throws(CollectorError) -> [BackupAge] {
        let since = time ?? UnixTime(milliseconds: now.milliseconds - Self.memory.milliseconds)
        return try store.backupAges(jobsSince: since).filter { protection.covers($0.policy, $0.agent) }.map { age in
            var age = age
            age.objective = self[age.policy]
            return age
        }
    }
}
