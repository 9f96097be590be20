import BookendCoordinator
import BookendModel

extension World {
    /// Lets the faults happen when their time comes.
    func expect(_ faults: [Fault], strikes: StrikeTable) {
        for fault in faults {
            let copy = keepCopy(for: fault)
            timeline.at(fault.at) { [weak self] in
                guard let self else { return }
                if let when = fault.when, case .agent(let index)? = fault.target {
                    let host = hosts[index]
                    if host.state(life: agents[index].life) == when.state {
                        timeline.after(when.delay) { [weak self] in self?.strike(fault, copy, strikes) }
                    } else {
                        host.whenIn(when.state, after: when.delay) { [weak self] in
                            self?.strike(fault, copy, strikes)
                        }
                    }
                } else {
                    strike(fault, copy, strikes)
                }
            }
        }
    }

    /// What a target is at, for the table of strikes: an agent whose jobs wait for one that runs is at both. None: it is down.
    private func states(of target: Target) -> [String] {
        guard process(target).isUp else { return [] }
        switch target {
        case .agent(let index):
            let state = hosts[index].state(life: agents[index].life)
            return (state != .queued && hosts[index].hasQueuedJobs ? [state, .queued] : [state]).map(\.rawValue)
        case .coordinator:
            let isBusy = (try? policyStore.load())?.openTriggers.isEmpty == false  // In memory it can be read.
            return [isBusy ? "delivering" : "idle"]
        case .collector: return [hosts.contains(where: \.hasUnacknowledged) ? "taking reports" : "idle"]
        }
    }

    private func strike(_ fault: Fault, _ copy: KeptCopy?, _ strikes: StrikeTable) {
        guard isFaulty else { return }
        note("FAULT", fault.description)
        if let target = fault.target {
            let states = states(of: target)
            for state in states { strikes.count(target, state, fault.name) }
            if states.isEmpty { strikes.late += 1 }
        }
        switch (fault.kind, fault.target) {
        case (.noise(let drop, let duplicate, let reorder, let delay, let lasting), let target):
            network.add(
                FaultyNetwork.Noise(
                    peer: target.map { process($0).identity }, drop: drop, duplicate: duplicate, reorder: reorder,
                    delay: delay, until: timeline.now + lasting))
        case (_, nil): break
        case (.crash(let down), let target?):
            countRules(target, down, strikes)
            process(target).crash(down: down)
        case (.crashAtStep(let steps, let commit, let down), let target?):
            let process = process(target)
            process.life?.dieAtStep(steps, of: commit) { [weak self] step in
                self?.note(target.description, "dies \(step.description)")
                strikes.count(step)
                self?.countRules(target, down, strikes)
                process.stayDown(down)
            }
        case (.reboot(let down), let target?):
            let process = process(target)
            countRules(target, down, strikes)
            process.crash(down: down)
            process.machine.reboot()
            if case .agent(let index) = target { hosts[index].losePower() }
        case (.stop(let down), let target?): process(target).stop(down: down)
        case (.cut(let server, let lasting), let target?): cut(target, from: server, until: timeline.now + lasting)
        case (.disk(let mode, let lasting), let target?):
            let disk = disk(target)
            disk.mode = mode
            timeline.after(lasting) { disk.mode = .good }
        case (.clock(let by), let target?): process(target).machine.wallOffset += by
        case (.restore(_, let byCommand, let down), let target?):
            restore(target, copy, isByCommand: byCommand, down: down)
        case (.clone(let lasting), .agent(let index)?): clone(index, lasting: lasting)
        case (.script(let stage, let script, let lasting), .agent(let index)?):
            hosts[index].scripts[stage] = script
            timeline.after(lasting) { [weak self] in self?.hosts[index].scripts[stage] = nil }
        case (.script, _), (.clone, _): break
        }
    }

    private func countRules(_ target: Target, _ down: Int64, _ strikes: StrikeTable) {
        guard case .agent(let index) = target else { return }
        strikes.count(hosts[index].rulesInForce(down: down, life: agents[index].life))
    }

    private func cut(_ target: Target, from server: Target?, until end: Int64) {
        switch target {
        case .agent:
            network.add(
                FaultyNetwork.Cut(
                    client: process(target).identity, server: server.map { process($0).identity }, until: end))
        case .coordinator, .collector:
            network.add(FaultyNetwork.Cut(client: nil, server: process(target).identity, until: end))
        }
    }

    /// Everything works again.
    func heal() {
        isFaulty = false
        network.heal()
        for disk in [coordinatorDisk, collectorDisk] + hosts.map(\.disk) { disk.mode = .good }
        for index in clones.keys.sorted() { endClone(index) }
        for host in hosts { host.scripts = [:] }
        for process in [coordinator, collector].compactMap(\.self) + agents {
            process.life?.unmark()
            process.comeBack()
        }
    }
}
