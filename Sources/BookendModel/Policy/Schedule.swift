/// One rule by which jobs of a policy start.
package enum Schedule: Hashable, Sendable {
    /// Once, at this time.
    case at(UnixTime)

    /// The start times after the first time, up to and including the second, in order.
    package func starts(after: UnixTime, through: UnixTime) -> [UnixTime] {
        switch self {
        case .at(let start): start > after && start <= through ? [start] : []
        }
    }
}

extension Policy {
    /// All start times after the first time, up to and including the second; in order, each once.
    package func starts(after: UnixTime, through: UnixTime) -> [UnixTime] {
        Set(schedules.flatMap { $0.starts(after: after, through: through) }).sorted()
    }
}
