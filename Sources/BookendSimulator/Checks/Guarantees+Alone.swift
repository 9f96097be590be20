import BookendAgent
import BookendCoordinator
import BookendModel

// 5. Backups do not depend on the coordinator being up.
extension Guarantees {
    /// Longer than an agent waits that has lost its coordinator, and has been running all the time.
    private static let lonelyPatience: Int64 = 600_000

    /// A start that came, or was held back, while there was no coordinator is begun without it.
    func checkAlone() {
        // A store that cannot be read is a violation already: `checkTriggers` reads all of it.
        let records = (try? world.policyStore.changes(after: 0, limit: .max).records) ?? []
        let withdrawn = Set(records.filter { $0.state == .withdrawn || $0.state == .conflict }.map(\.trigger.job))
        // What a server that went back in time planned before, it plans again under other ids.
        guard !world.coordinatorMachine.hasJumped, !world.restores.contains(where: { $0.target == .coordinator }) else {
            return
        }
        let restored = Set(world.restores.map(\.target))
        for (host, agent) in zip(world.hosts, world.agents)
        where !host.machine.hasJumped && host.disk.refusals == 0 && !restored.contains(.agent(host.index)) {
            for (job, slot) in host.carried.sorted(by: { $0.key < $1.key })
            where !withdrawn.contains(job) && world.policy(slot.policy)?.afterSuccess == nil {
                let start = slot.scheduledStart.milliseconds - Machine.epoch
                let end = min(slot.notAfter, slot.windowEnd ?? slot.notAfter).milliseconds - Machine.epoch
                guard start < end, start < world.timeline.now else { continue }
                for down in world.coordinator.downs {
                    let lonely = max(down.lowerBound, start)
                    let latest = lonely + Self.lonelyPatience
                    guard latest <= min(down.upperBound, end),
                        !agent.downs.contains(where: { $0.overlaps(start..<latest) }),
                        host.work[job].map({ $0.acceptedAt > latest }) ?? true
                    else { continue }
                    world.violate("\(host.id): job \(job) of \(slot.policy) was not begun without a coordinator")
                    break
                }
            }
        }
    }
}
