import BookendModel

/// The faults of one history, as they follow from its seed.
enum FaultPlan {
    /// - Parameter end: From here on nothing goes wrong any more.
    static func faults(_ seed: UInt64, agents: Int, until end: Int64) -> [Fault] {
        var random = Random(seed, "faults")
        var faults: [Fault] = []
        // A fleet of twenty for a day has some sixty faults.
        let size = max(6, Int(Double(end) / 86_400_000 * (20 + 2 * Double(agents))))
        // Some histories have a wire without noise, so that other faults are seen by themselves.
        if random.permille(700) {
            faults.append(
                Fault(
                    at: 0, target: nil,
                    kind: .noise(
                        drop: Int(random.skewed(0...100)), duplicate: Int(random.skewed(0...100)),
                        reorder: Int(random.skewed(0...200)), delay: random.skewed(0...2_000), lasting: end)))
        }
        for _ in 0..<size { faults.append(fault(&random, agents: agents, until: end)) }
        faults += restores(seed, agents: agents, until: end)
        return faults.sorted { $0.at < $1.at }
    }

    private static func fault(_ random: inout Random, agents: Int, until end: Int64) -> Fault {
        let at = random.number(1_000...max(2_000, end))
        let agent = Target.agent(Int(random.number(0...Int64(agents - 1))))
        let isServer = random.permille(300)
        let target = isServer ? (random.permille(500) ? Target.coordinator : .collector) : agent
        let kind = self.kind(&random, target)
        var when: (AgentState, Int64)?
        if !isServer, random.permille(700) {
            switch kind {
            case .crashAtStep, .script: break
            default: when = (random.pick(AgentState.allCases), random.skewed(0...120_000))
            }
        }
        // Something late for a state may never strike.
        return Fault(at: when == nil ? at : at / 2, when: when, target: target, kind: kind)
    }

    /// In some histories only: what is lost with a state cannot be held against anyone. Not before the policies are there.
    private static func restores(_ seed: UInt64, agents: Int, until end: Int64) -> [Fault] {
        var random = Random(seed, "restores")
        let first: Int64 = 900_000
        guard random.permille(200), end > first * 2 else { return [] }
        return (0..<random.number(1...3)).map { _ in
            let at = random.number(first * 2...end)
            let age = random.number(60_000...min(at - first, 14_400_000))
            let down = random.skewed(1_000...7_200_000)
            guard random.permille(500) else {
                return Fault(
                    at: at, target: random.permille(500) ? .coordinator : .collector,
                    kind: .restore(age: age, byCommand: random.permille(500), down: down))
            }
            let when = random.permille(700) ? (random.pick(AgentState.allCases), random.skewed(0...120_000)) : nil
            let kind: Fault.Kind =
                random.permille(300)
                ? .clone(lasting: random.skewed(1_800_000...14_400_000))
                : .restore(age: age, byCommand: false, down: down)
            return Fault(
                at: at, when: when, target: .agent(Int(random.number(0...Int64(agents - 1)))), kind: kind)
        }
    }

    private static func kind(_ random: inout Random, _ target: Target) -> Fault.Kind {
        let down = random.skewed(1_000...7_200_000)
        switch random.number(0...99) {
        case 0..<15: return .crash(down: down)
        case 15..<30: return .crashAtStep(Int(random.skewed(0...40)), commit: nil, down: down)
        case 30..<40:
            return .crashAtStep(Int(random.number(0...3)), commit: random.pick(commits(of: target)), down: down)
        case 40..<48: return .reboot(down: down)
        case 48..<56: return .stop(down: down)
        case 56..<68:
            let server: Target? = random.permille(300) ? nil : (random.permille(500) ? .coordinator : .collector)
            return .cut(to: server, lasting: random.skewed(1_000...14_400_000))
        case 68..<74:
            return .noise(
                drop: Int(random.number(0...800)), duplicate: Int(random.number(0...500)),
                reorder: Int(random.number(0...500)), delay: random.number(0...60_000),
                lasting: random.skewed(10_000...3_600_000))
        case 74..<84:
            return .disk(random.permille(700) ? .full : .broken, lasting: random.skewed(1_000...7_200_000))
        case 84..<92:
            let by =
                random.permille(700) ? random.number(-3_600_000...3_600_000) : random.pick([-86_400_000, 86_400_000])
            return .clock(by: by)
        default:
            guard case .agent = target else { return .crash(down: down) }
            return .script(
                random.permille(500) ? .preScript : .postScript, random.permille(700) ? .missing : .refused,
                lasting: random.skewed(60_000...7_200_000))
        }
    }

    /// Some are so rare that a death among all steps seldom meets them.
    private static func commits(of target: Target) -> [String] {
        switch target {
        case .agent:
            [
                "agent: trigger", "agent: start of an attempt", "agent: report", "agent: start of a post-script",
                "agent: end of a debt", "agent: end of a job", "agent: acknowledgement", "agent: policies",
                "agent: cancel",
            ]
        case .coordinator: ["coordinator: triggers", "coordinator: settlements", "coordinator: cancel"]
        case .collector: ["collector: reports", "collector: roster"]
        }
    }
}
