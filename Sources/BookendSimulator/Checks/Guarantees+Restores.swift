import BookendCollector
import BookendCoordinator
import BookendModel

// What state that went back in time may take with it, and what must be noticed and mended all the same.
extension Guarantees {
    /// 7. A server that finds others knowing more than it does begins a new epoch.
    func checkRestores() {
        for (number, restore) in world.restores.enumerated() {
            let isLast = !world.restores.dropFirst(number + 1).contains { $0.target == restore.target }
            // Those that were put back as well have forgotten.
            let witnesses = restore.witnesses.filter { index in
                !world.restores.contains { $0.target == .agent(index) && $0.at >= restore.at }
            }
            guard isLast, let witness = witnesses.first, epoch(of: restore.target) == restore.epoch
            else { continue }
            world.violate(
                "the \(restore.target.description) went back to \(Clock.text(restore.copiedAt)) at "
                    + "\(Clock.text(restore.at)), \(world.hosts[witness].id) knows more than it did, and its epoch is the "
                    + "same")
        }
    }

    private func epoch(of target: Target) -> UInt64? {
        switch target {
        case .coordinator: (try? world.policyStore.load())?.epoch  // In memory it can be read.
        case .collector: UInt64(bitPattern: world.reportStore.epoch())
        case .agent: nil
        }
    }

    /// The coordinator forgot it when it was put back: its id may have been given to another order since.
    func isLost(_ job: JobID) -> Bool { world.restores.contains { $0.lostOrders[job] != nil } }

    func isCancelLost(_ job: JobID) -> Bool { world.restores.contains { $0.lostCancels.contains(job) } }

    /// The agent said so of the job, before it was put back.
    func isOfLostLife(_ status: Status, of job: JobID, on host: AgentHost?) -> Bool {
        host?.lostFinals[job]?.contains(status) ?? false
    }

    /// Its agent began it by itself and was put back to before that: of how it ended nobody knows, and that is said of it.
    func isLeftByLostLife(_ aggregate: JobAggregate) -> Bool {
        aggregate.status == .agentLost
            && world.hosts.contains { host in
                host.id == aggregate.agent && host.lostReports.contains { $0.trigger.job == aggregate.job }
            }
    }

    /// What is stored of an agent's reports is what its journal holds, in order, and of what it forgot some; `nil`: it is.
    func reportProblem(of host: AgentHost, made: [String], stored: [String]) -> String? {
        var (lost, next) = (Dictionary(host.lostReports.map { ($0.content, 1) }, uniquingKeysWith: +), 0)
        for report in stored {
            if next < made.count, made[next] == report {
                next += 1
            } else if let left = lost[report], left > 0 {
                lost[report] = left - 1
            } else {
                return "of \(host.id) is stored what it never made, or twice: \(report)"
            }
        }
        return next == made.count ? nil : "of \(host.id) is not stored: \(made[next])"
    }
}
