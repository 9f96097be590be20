import BookendAgent
import BookendModel

/// A second server that was made from an agent's, with its key and its journal, and does what it believes to be its work.
final class Clone {
    /// A heartbeat of each of the two, and a look at the agents.
    private static let patience = World.heartbeat.milliseconds * 2 + 300_000

    let host: AgentHost
    let process: SimulatedProcess
    let index: Int
    /// What both had when they parted.
    let sharedReports: [Report]
    private var calm: Calm
    private var calmSince: Int64
    private(set) var isNoticed = false

    init(_ host: AgentHost, _ process: SimulatedProcess, of index: Int, _ world: World) {
        (self.host, self.process, self.index) = (host, process, index)
        sharedReports = host.reports
        (calm, calmSince) = (Calm(world, index), world.timeline.now)
    }

    func notice() { isNoticed = true }

    /// Both have been there for long, the coordinator has heard both, and nobody was told.
    func isOverlooked(_ world: World) -> Bool {
        let now = Calm(world, index)
        let isCut = world.network.isCut(process.identity, World.coordinatorIdentity)
        if now != calm || isCut || !world.coordinator.isUp || !world.agents[index].isUp || !process.isUp {
            (calm, calmSince) = (now, world.timeline.now)
        }
        return !isNoticed && world.timeline.now - calmSince > Self.patience
    }
}

extension World {
    private static let look: Int64 = 60_000

    /// One at a time of each agent.
    func clone(_ index: Int, lasting: Int64) {
        guard clones[index] == nil else { return }
        let host = AgentHost(index: index, world: self)
        host.restore(hosts[index].copy())
        host.machine.copyPast(of: hosts[index].machine)
        let process = SimulatedProcess(.agent(index), agents[index].identity, host.machine, self) {
            [unowned self] in try await runAgent(host, $0)
        }
        clones[index] = Clone(host, process, of: index, self)
        process.start()
        watch(index)
        timeline.after(lasting) { [weak self] in self?.endClone(index) }
    }

    /// Whoever is told that there are two ends the second one, and starts the first one anew: it says what it has.
    func endClone(_ index: Int) {
        guard let clone = clones.removeValue(forKey: index) else { return }
        note("operator", "ends the clone of agent \(index + 1)")
        clone.process.end()
        clone.host.losePower()
        hosts[index].forget(clone.host, shared: clone.sharedReports)
        agents[index].crash(down: 5_000)
    }

    private func watch(_ index: Int) {
        timeline.after(Self.look) { [weak self] in
            guard let self, !isOver, let clone = clones[index] else { return }
            person.lookAtAgents { [weak self] records in
                let isCloned = records.contains { $0.id == clone.host.id && $0.isCloned }
                if isCloned { self?.clones[index]?.notice() }
            }
            if clone.isOverlooked(self) { violate("\(clone.host.id) is cloned, and nobody is told") }
            watch(index)
        }
    }
}
