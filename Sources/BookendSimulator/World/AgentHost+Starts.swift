import BookendModel

/// Nothing that would make the coordinator lose sight of an agent's jobs happened between two that are the same.
struct Calm: Equatable {
    private var deaths: Int
    private var ownDeaths: Int
    /// Jobs that wait for a retry it leaves to its successor, and names no more.
    private var ownStops: Int
    private var losses: Int

    init(_ world: World, _ index: Int) {
        deaths = world.coordinator.deaths
        (ownDeaths, ownStops) = (world.agents[index].deaths, world.agents[index].stops)
        losses = world.network.losses
    }
}

// Which starts of the schedule may begin: what the coordinator sees to, as far as its agents can know.
extension AgentHost {
    func checkStart(_ trigger: Trigger) {
        guard let policy = world.policy(trigger.policy), Self.isStart(trigger, of: policy) else { return }
        // Which starts have come, and which come too late, the clocks say.
        guard !world.coordinatorMachine.hasJumped, !machine.hasJumped, world.clones[index] == nil else { return }
        checkHolds(trigger)
        guard trigger.cause == .schedule, machine.now.wall < trigger.notAfter else { return }
        checkLimit(trigger, world.limits.jobsAtOnce, "the fleet") { _ in true }
        checkLimit(trigger, policy.limits.perPolicy, "its policy") { $0.name == policy.name }
        checkLimit(trigger, policy.limits.perRepository, "its repository") { $0.repository == policy.repository }
    }

    /// Not one that somebody ordered as if it were.
    private static func isStart(_ trigger: Trigger, of policy: Policy) -> Bool {
        policy.afterSuccess != nil || policy.schedules.contains { $0.rule == .at(trigger.scheduledStart) }
    }

    /// Only what the coordinator let go is counted, and can have known all the time.
    private func checkLimit(_ trigger: Trigger, _ limit: Int?, _ what: String, _ isCounted: (Policy) -> Bool) {
        guard let limit else { return }
        // One whose clock is behind begins what was too late; of one that is cloned the coordinator knows half.
        let others = world.hosts.filter { !$0.machine.hasJumped && world.clones[$0.index] == nil }.flatMap { host in
            host.work.values.filter { work in
                !work.isFinished && work.trigger.cause == .schedule && work.trigger.job != trigger.job
                    && !world.person.cancels.contains(work.trigger.job)
                    && world.policy(work.trigger.policy).map { Self.isStart(work.trigger, of: $0) && isCounted($0) }
                        ?? false
                    && work.calm == Calm(world, host.index)
            }
        }
        guard others.count >= limit else { return }
        world.violate(
            "\(id): job \(trigger.job) of \(trigger.policy) comes beside \(others.count) others, and \(what) allows "
                + "\(limit) at once")
    }

    /// What is paused, or in maintenance, starts nothing by itself once its agent has heard of it.
    private func checkHolds(_ trigger: Trigger) {
        guard trigger.cause == .schedule || trigger.cause == .autonomous else { return }
        let start = trigger.scheduledStart.milliseconds - Machine.epoch
        for hold in world.person.holds
        where (hold.target == .policy(trigger.policy) || hold.target == .agent(id)) && hold.covers(start) {
            // It could have been planned anew, and the agent has heard of a later plan.
            guard hold.isKnown(world), slotsHeardAt >= hold.since + HeldTime.patience else { continue }
            world.violate("\(id): job \(trigger.job) starts by itself although \(hold.target) is held")
        }
    }

    /// The journal has slots as the coordinator had them a moment ago.
    func heardSlots() {
        slotsHeardAt = world.timeline.now
        heardAgainAt = heardAgainAt ?? world.timeline.now
    }
}

/// A hold that was acknowledged to the operator.
struct HeldTime {
    /// To plan anew, and for what is late on the wire.
    static let patience: Int64 = 300_000

    let target: Hold.Target
    /// On the timeline, like all times here.
    let since: Int64
    var until: Int64
    private let deaths: Int
    private let refusals: Int

    init(_ target: Hold.Target, until: Int64, _ world: World) {
        (self.target, since, self.until) = (target, world.timeline.now, until)
        (deaths, refusals) = (world.coordinator.deaths, world.coordinatorDisk.refusals)
    }

    func covers(_ start: Int64) -> Bool { start >= since + Self.patience && start < until }

    /// The coordinator has been there since, and could write.
    func isKnown(_ world: World) -> Bool {
        deaths == world.coordinator.deaths && refusals == world.coordinatorDisk.refusals
    }
}
