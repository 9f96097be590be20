import BookendCollector
import BookendCoordinator
import BookendModel

/// One history: a fleet under one seed and its faults, from its begin to its rest.
package struct History {
    package struct Size: Sendable {
        package var agents: Int
        package var hours: Int

        package init(agents: Int, hours: Int) {
            self.agents = agents
            self.hours = hours
        }

        var end: Int64 { Int64(hours) * 3_600_000 }
    }

    package struct Counts: Codable, Sendable {
        package var histories = 0
        package var jobs = 0
        package var attempts = 0
        package var reports = 0
        package var messages = 0
        package var crashes = 0
        package var drops = 0
        package var duplicates = 0
        package var reorders = 0
        package var diskFaults = 0
        package var executed = 0

        package init() {}
    }

    package struct Outcome {
        package var violations: [String]
        package var counts: Counts
        /// What happened, when it was asked for.
        package var story: [String]
    }

    /// How long a fleet may take to come to rest.
    private static let patience: Int64 = 96 * 3_600_000

    let seed: UInt64
    let size: Size
    let faults: [Fault]

    package init(seed: UInt64, size: Size) {
        self.init(seed: seed, size: size, faults: FaultPlan.faults(seed, agents: size.agents, until: size.end))
    }

    init(seed: UInt64, size: Size, faults: [Fault]) {
        self.seed = seed
        self.size = size
        self.faults = faults
    }

    package func run(_ keys: FleetKeys, strikes: StrikeTable, tellsStory: Bool = false) -> Outcome {
        let world = World(seed: seed, agents: size.agents, keys: keys, tellsStory: tellsStory)
        let timeline = world.timeline
        world.coordinator.start()
        world.collector.start()
        for agent in world.agents { agent.start() }
        world.person.begin()
        world.subscriber.begin()
        for (time, wish) in Workload.wishes(
            seed, world.policies, agents: world.hosts.map(\.id), until: size.end)
        {
            timeline.at(time) { [unowned world] in world.person.wish(wish) }
        }
        world.expect(faults, strikes: strikes)
        var goesOn = timeline.run(until: size.end)
        world.note("WORLD", "nothing goes wrong from here on")
        world.heal()
        while goesOn, unrest(world) != nil, timeline.now < size.end + Self.patience {
            goesOn = timeline.run(until: timeline.now + 1_800_000)
        }
        if goesOn {
            if let unrest = unrest(world) { world.violate("the fleet does not come to rest: \(unrest)") }
            Guarantees(world: world).check()
            end(world)
        } else {
            world.violate("one moment has no end: something goes round and round without time passing")
        }
        return Outcome(violations: world.violations, counts: counts(world), story: world.story ?? [])
    }

    /// What is under way, not told, or not heard of yet; `nil`: nothing.
    private func unrest(_ world: World) -> String? {
        guard world.timeline.now >= size.end + 3_600_000 else { return "not everyone has had the time to hear of it" }
        guard let state = try? world.policyStore.load() else { return "the policies cannot be read" }  // In memory.
        if let open = state.openTriggers.first?.record {
            return "job \(open.trigger.job) on \(open.trigger.agent) is \(open.state.rawValue)"
        }
        for host in world.hosts {
            if host.hasUnacknowledged { return "\(host.id) keeps reports that nobody has acknowledged" }
            if let work = host.work.first(where: { !$0.value.isFinished }) { return "\(host.id) has job \(work.key)" }
        }
        var active = JobFilter()
        active.activeOnly = true
        active.limit = .max
        // What its agent does not have any more is found out in the end.
        if let open = world.reportStore.jobs(active).first(where: {
            $0.status.family == .inProgress && $0.lastOrigin != nil
        }) {
            return "job \(open.job) of \(open.agent) is \(open.status) at the collector"
        }
        let isHeard = world.reportStore.feed(from: world.subscriber.cursor, limit: 1)?.entries.isEmpty ?? false
        return isHeard ? nil : "the subscriber has not heard of all that is stored"
    }

    /// Lets the tasks of the world come to their ends, so that the next one begins with an empty queue.
    private func end(_ world: World) {
        world.isOver = true
        world.person.end()
        world.subscriber.end()
        for process in [world.coordinator, world.collector].compactMap(\.self) + world.agents { process.life?.die() }
        _ = world.timeline.run(until: world.timeline.now)  // What is left over is nobody's.
        world.timeline.clear()
    }

    private func counts(_ world: World) -> Counts {
        var counts = Counts()
        counts.histories = 1
        counts.jobs = world.hosts.reduce(0) { $0 + $1.work.count }
        counts.attempts = world.hosts.reduce(0) { $0 + $1.work.values.reduce(0) { $0 + $1.attempts.count } }
        counts.reports = world.subscriber.taken.count { if case .report = $0 { true } else { false } }
        counts.messages = world.network.sent
        counts.drops = world.network.dropped
        counts.duplicates = world.network.duplicated
        counts.reorders = world.network.reordered
        counts.diskFaults =
            ([world.coordinatorDisk, world.collectorDisk] + world.hosts.map(\.disk)).reduce(0) { $0 + $1.refusals }
        counts.crashes = world.deaths
        counts.executed = VirtualExecutor.count
        return counts
    }
}
