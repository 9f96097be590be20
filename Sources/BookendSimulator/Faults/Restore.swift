import BookendAgent
import BookendCollector
import BookendCoordinator
import BookendModel

/// A state that went back in time: whose, how far, and what was lost with it.
struct Restore {
    /// What is kept of a process until it is put back.
    enum Copy {
        case agent(AgentHost.Copy)
        case coordinator(InMemoryPolicyStore.Copy)
        case collector(InMemoryReportStore.Copy)
    }

    var target: Target
    var copiedAt: Int64
    var at: Int64
    /// When it runs again, unless something else happens to it.
    var startsAt: Int64
    /// The command for it did this, and said so.
    var isByCommand: Bool
    /// Orders that the coordinator had recorded, by what it can be told of them no more.
    var lostOrders: [JobID: TriggerRecord] = [:]
    var lostCancels: Set<JobID> = []
    /// The server's epoch once it was put back.
    var epoch: UInt64 = 0
    /// Agents that know more than what was put back, when nobody says that it was: with the first of them the server
    /// notices.
    var witnesses: [Int] = []
    /// How often each agent's disk had refused to write until then.
    var refusals: [Int] = []
}

/// A copy that is made before it is known what for.
final class KeptCopy: @unchecked Sendable {
    var copy: Restore.Copy?
    var madeAt: Int64 = 0
}

extension World {
    /// The copy that a fault puts back, once its time has come; `nil`: the fault needs none.
    func keepCopy(for fault: Fault) -> KeptCopy? {
        guard case .restore(let age, _, _) = fault.kind, let target = fault.target else { return nil }
        let kept = KeptCopy()
        timeline.at(max(0, fault.at - age)) { [weak self] in
            guard let self else { return }
            kept.madeAt = timeline.now
            kept.copy =
                switch target {
                case .agent(let index): .agent(hosts[index].copy())
                case .coordinator: .coordinator(policyStore.copy())
                case .collector: .collector(reportStore.copy())
                }
        }
        return kept
    }

    /// Puts the copy in the place of what is there.
    func restore(_ target: Target, _ kept: KeptCopy?, isByCommand: Bool, down: Int64) {
        guard let kept, let copy = kept.copy else { return }
        let process = process(target)
        process.crash(down: down)
        var restore = Restore(
            target: target, copiedAt: kept.madeAt, at: timeline.now, startsAt: timeline.now + down,
            isByCommand: isByCommand)
        switch copy {
        case .agent(let copy):
            guard case .agent(let index) = target else { return }
            process.machine.reboot()
            hosts[index].losePower()
            hosts[index].restore(copy)
        case .coordinator(let copy):
            let before = records()
            policyStore.restore(copy, byCommandAt: isByCommand ? process.machine.now.wall : nil)
            let after = records()
            restore.lostOrders = before.filter { after[$0.key] == nil }
            restore.lostCancels = Set(before.values.filter(\.isCanceled).map(\.trigger.job))
                .subtracting(after.values.filter(\.isCanceled).map(\.trigger.job))
            restore.epoch = (try? policyStore.load())?.epoch ?? 0  // In memory it can be read.
            restore.witnesses = isByCommand ? [] : witnesses(ofOrdersAbove: after)
            // As the command tells people to.
            timeline.after(down + 600_000) { [weak self] in self.map { $0.person.wish(.apply($0.policies)) } }
        case .collector(let copy):
            reportStore.restore(copy, isByCommand: isByCommand)
            restore.epoch = UInt64(bitPattern: reportStore.epoch())
            restore.witnesses = isByCommand ? [] : witnessesOfReports()
        }
        restore.refusals = hosts.map(\.disk.refusals)
        restores.append(restore)
    }

    private func records() -> [JobID: TriggerRecord] {
        let all = (try? policyStore.changes(after: 0, limit: .max))?.records ?? []  // In memory they can be read.
        return Dictionary(all.map { ($0.trigger.job, $0) }, uniquingKeysWith: { $1 })
    }

    private func witnesses(ofOrdersAbove records: [JobID: TriggerRecord]) -> [Int] {
        let highest = records.keys.max() ?? JobID(rawValue: 0)
        return hosts.filter { ($0.contents?.highestJob ?? JobID(rawValue: 0)) > highest }.map(\.index)
    }

    /// Agents to which it had acknowledged more than it has, in an epoch that they have written down.
    private func witnessesOfReports() -> [Int] {
        let (positions, epoch) = (reportStore.positions(), reportStore.epoch())
        let last = restores.last { $0.target == .collector }
        return hosts.filter { host in
            // One may have heard of another epoch since, and could not write it.
            if let last, host.disk.refusals > last.refusals[host.index] { return false }
            return host.contents?.streams.values.contains { stream in
                let source = Intake.Source(agent: host.id, incarnation: stream.incarnation)
                return stream.epoch == epoch
                    && stream.sequence(of: stream.acknowledged) > positions[source]?.through ?? 0
            } ?? false
        }.map(\.index)
    }
}
