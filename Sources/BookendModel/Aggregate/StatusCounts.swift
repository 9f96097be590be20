/// Jobs by status.
///
/// Every job stands under exactly one number. What the collector inferred (40–49) is provisional, and so part neither
/// of ``outcomes`` nor of ``failures``.
package struct StatusCounts: Hashable, Sendable {
    /// Never with a count of 0.
    package private(set) var jobs: [Status: Int]

    package init(_ jobs: [Status: Int] = [:]) {
        self.jobs = jobs.filter { $0.value != 0 }
    }

    package var total: Int { jobs.values.reduce(0, +) }
    /// Jobs that are over, by the word of their agents.
    package var outcomes: Int { count { $0.isFinal } }
    package var inProgress: Int { count { $0.family == .inProgress } }
    package var inferred: Int { count { $0.family == .inferred } }
    /// The part of ``outcomes`` that failed.
    package var failures: Int { count { $0.isFinal && $0.isFailure } }

    package subscript(status: Status) -> Int { jobs[status] ?? 0 }

    /// Moves a job from the status that it had, `nil` for a new job, to the one that it has.
    package mutating func move(from old: Status?, to new: Status) {
        if let old { add(-1, to: old) }
        add(1, to: new)
    }

    /// Takes out a job that is no longer kept.
    package mutating func remove(_ status: Status) {
        add(-1, to: status)
    }

    private mutating func add(_ difference: Int, to status: Status) {
        let count = self[status] + difference
        jobs[status] = count == 0 ? nil : count
    }

    private func count(_ isCounted: (Status) -> Bool) -> Int {
        jobs.reduce(0) { $0 + (isCounted($1.key) ? $1.value : 0) }
    }
}
