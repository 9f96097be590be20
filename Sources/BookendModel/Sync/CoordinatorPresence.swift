/// Which agents there are, and which of them are there now.
///
/// ```
///            hello, heartbeat
///  offline ───────────────────▶ online ──┐ hello, heartbeat
///     ▲                           │  ▲   │
///     └───────────────────────────┘  └───┘
///       unheard of for too long, unreachable, no longer enrolled
/// ```
package struct CoordinatorPresence: Hashable, Sendable {
    private struct Agent: Hashable, Sendable {
        var enrolledLabels: [String: String] { didSet { merge() } }
        var claimedLabels: [String: String] = [:] { didSet { merge() } }
        /// The labels of the key file win over what the agent claims: a claim is not proof.
        private(set) var labels: [String: String] = [:]
        var isOnline = false
        /// Said hello and was sent a snapshot, since this coordinator started or since it was last away.
        var isGreeted = false
        /// It was told to say hello then.
        var putOffUntil: BootTime?
        var heardAt: Moment?
        /// From before this coordinator started.
        var rememberedAt: UnixTime?
        var version = ""
        var timeZone = ""
        var generation: Int64 = 0
        var activeJobs: [ActiveJob] = []
        var outboxDepth: Int64 = 0
        var openDebts: Int64 = 0
        var goodBackups: [PolicyName: LastGoodBackup] = [:]
        var surveys: [PolicyName: ScriptSurvey]?
        var journalProblem: String?
        var skew = Duration.zero
        var isSkewTold = false
        var clones = CloneWatch()
        /// Not remembered: what it names now counts.
        var serverKey: PublicKey?

        init(enrolledLabels: [String: String], memory: RememberedAgent?) {
            self.enrolledLabels = enrolledLabels
            claimedLabels = memory?.claimedLabels ?? [:]
            version = memory?.version ?? ""
            timeZone = memory?.timeZone ?? ""
            rememberedAt = memory?.lastHeardAt
            merge()
        }

        private mutating func merge() { labels = claimedLabels.merging(enrolledLabels) { $1 } }
    }

    private var agents: [AgentID: Agent] = [:]
    /// Every enrolled agent, in order.
    package private(set) var ids: [AgentID] = []
    /// Grows whenever policies may pick others than before.
    package private(set) var picking: UInt64 = 1
    /// Agents that are not enrolled now, with what is known of them: a key file may lose a line and get it back.
    private var remembered: [AgentID: RememberedAgent]

    package init(remembered: [RememberedAgent]) {
        self.remembered = Dictionary(remembered.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    }

    package var online: [AgentID] { agents.filter(\.value.isOnline).keys.sorted() }

    /// What the agents name that are online.
    package var activeJobs: [ActiveJob] { agents.values.filter(\.isOnline).flatMap(\.activeJobs) }

    package func isEnrolled(_ id: AgentID) -> Bool { agents[id] != nil }
    package func isOnline(_ id: AgentID) -> Bool { agents[id]?.isOnline ?? false }
    package func isGreeted(_ id: AgentID) -> Bool { agents[id]?.isGreeted ?? false }
    package func labels(of id: AgentID) -> [String: String] { agents[id]?.labels ?? [:] }
    /// As the agent tells it; empty: it never has.
    package func timeZone(of id: AgentID) -> String { agents[id]?.timeZone ?? "" }
    /// The newest key of the coordinator's that it has named since this coordinator started; `nil`: none.
    package func serverKey(of id: AgentID) -> PublicKey? { agents[id]?.serverKey }

    /// As its latest heartbeat said. Not there: it has not said so since this coordinator started.
    package func goodBackups(of id: AgentID) -> [PolicyName: LastGoodBackup] { agents[id]?.goodBackups ?? [:] }
    /// What it found where its scripts should be; `nil`: it has not said since this coordinator started.
    package func surveys(of id: AgentID) -> [PolicyName: ScriptSurvey]? { agents[id]?.surveys }
    package func picks(_ selector: Selector, _ id: AgentID) -> Bool { selector.picks(id, labels: labels(of: id)) }

    /// Its hello was not answered yet: it is to come again then.
    package mutating func putOff(_ id: AgentID, until time: BootTime) {
        agents[id]?.isGreeted = false
        agents[id]?.putOffUntil = time
    }

    package func isPutOff(_ id: AgentID, at now: BootTime) -> Bool {
        agents[id]?.putOffUntil.map { now <= $0 } ?? false
    }

    /// Replaces the agents that are enrolled and their labels.
    ///
    /// - Returns: The agents that are online and whose labels are not what they were.
    package mutating func enroll(_ enrolled: [AgentID: [String: String]]) -> [AgentID] {
        for (id, agent) in agents where enrolled[id] == nil {
            remembered[id] = Self.memory(of: id, agent)
            agents[id] = nil
        }
        var changed: [AgentID] = []
        for (id, labels) in enrolled {
            if let agent = agents[id] {
                agents[id]?.enrolledLabels = labels
                if agent.isOnline, agents[id]?.labels != agent.labels { changed.append(id) }
            } else {
                agents[id] = Agent(enrolledLabels: labels, memory: remembered.removeValue(forKey: id))
            }
        }
        ids = agents.keys.sorted()
        picking += 1
        return changed.sorted()
    }

    /// - Returns: What is worth telling. `nil`: the agent is not enrolled.
    package mutating func take(_ hello: Hello, of id: AgentID, _ rules: CoordinatorRules, at now: Moment) -> [Note]? {
        guard agents[id] != nil else { return nil }
        agents[id]?.isGreeted = true
        let before = labels(of: id)
        agents[id]?.claimedLabels = hello.labels.filter { TextRules.labelProblem(key: $0.key, value: $0.value) == nil }
        if labels(of: id) != before { picking += 1 }
        agents[id]?.version = hello.version
        agents[id]?.timeZone = hello.timeZone
        agents[id]?.serverKey = hello.serverKey
        return hear(id, hello.generation, hello.activeJobs, hello.wall, hello.instance, rules, at: now)
    }

    package mutating func take(
        _ heartbeat: Heartbeat, of id: AgentID, _ rules: CoordinatorRules, at now: Moment
    ) -> [Note]? {
        guard agents[id] != nil else { return nil }
        agents[id]?.outboxDepth = heartbeat.outboxDepth
        agents[id]?.openDebts = heartbeat.openDebts
        agents[id]?.serverKey = heartbeat.serverKey
        agents[id]?.goodBackups = heartbeat.goodBackups
        if let scripts = heartbeat.scripts { agents[id]?.surveys = scripts }
        agents[id]?.journalProblem = heartbeat.journalProblem
        return hear(
            id, heartbeat.generation, heartbeat.activeJobs, heartbeat.wall, heartbeat.instance, rules, at: now)
    }

    private mutating func hear(
        _ id: AgentID, _ generation: Int64, _ jobs: [ActiveJob], _ wall: UnixTime, _ instance: UInt64,
        _ rules: CoordinatorRules, at now: Moment
    ) -> [Note] {
        var notes: [Note] = []
        let wasCloned = agents[id]?.clones.isCloned ?? false
        agents[id]?.clones.hear(instance, at: now.boot)
        let isCloned = agents[id]?.clones.isCloned ?? false
        if isCloned != wasCloned { notes.append(isCloned ? .cloned(id) : .cloneGone(id)) }
        if !isOnline(id) { notes.append(.cameOnline(id)) }
        let skew = wall - now.wall
        let isSkewed = skew > rules.skewTolerance || skew < .zero - rules.skewTolerance
        if isSkewed != agents[id]?.isSkewTold { notes.append(isSkewed ? .clockSkewed(id, skew) : .clockAgrees(id)) }
        agents[id]?.isSkewTold = isSkewed
        agents[id]?.isOnline = true
        agents[id]?.heardAt = now
        agents[id]?.generation = generation
        agents[id]?.activeJobs = jobs
        agents[id]?.skew = skew
        return notes
    }

    /// What was sent to it found nobody.
    package mutating func lose(_ id: AgentID) -> [Note] {
        guard isOnline(id) else { return [] }
        agents[id]?.isOnline = false
        agents[id]?.isGreeted = false
        return [.wentOffline(id)]
    }

    package mutating func tick(_ rules: CoordinatorRules, at now: Moment) -> [Note] {
        agents.filter { $0.value.isOnline && now.boot - ($0.value.heardAt ?? now).boot >= rules.offlineAfter }
            .keys.sorted().flatMap { lose($0) }
    }

    /// Jobs named of one agent, at most: a list of the whole fleet must stay one message.
    private static let namedJobs = 16

    /// Every enrolled agent, those never heard of too; by id. Of an agent's jobs the first ones, those that run before
    /// those that wait.
    package var records: [AgentRecord] {
        agents.sorted { $0.key < $1.key }.map { id, agent in
            var record = AgentRecord(
                id: id, labels: agent.labels, isOnline: agent.isOnline,
                lastHeardAt: agent.heardAt?.wall ?? agent.rememberedAt, version: agent.version,
                generation: agent.generation, activeJobs: agent.isOnline ? Self.named(agent.activeJobs) : [],
                outboxDepth: agent.outboxDepth, openDebts: agent.openDebts, clockSkew: agent.skew,
                isCloned: agent.clones.isCloned)
            record.journalProblem = agent.journalProblem
            return record
        }
    }

    private static func named(_ jobs: [ActiveJob]) -> [ActiveJob] {
        guard jobs.count > namedJobs else { return jobs }
        let (running, waiting) = (jobs.filter { $0.stage != nil }, jobs.filter { $0.stage == nil })
        return Array((running + waiting).prefix(namedJobs))
    }

    /// What the store should remember of the agents heard of since then; by id.
    package func memories(since time: BootTime) -> [RememberedAgent] {
        agents.filter { $0.value.heardAt.map { $0.boot >= time } ?? false }.sorted { $0.key < $1.key }
            .compactMap { Self.memory(of: $0.key, $0.value) }
    }

    private static func memory(of id: AgentID, _ agent: Agent) -> RememberedAgent? {
        (agent.heardAt?.wall ?? agent.rememberedAt).map {
            RememberedAgent(
                id: id, claimedLabels: agent.claimedLabels, version: agent.version, lastHeardAt: $0,
                timeZone: agent.timeZone)
        }
    }

    /// What an operator may want to read in the log.
    package enum Note: Hashable, Sendable {
        case cameOnline(AgentID)
        case wentOffline(AgentID)
        /// The agent's wall clock less the coordinator's is further from zero than tolerated. Told once.
        case clockSkewed(AgentID, Duration)
        /// It no longer is.
        case clockAgrees(AgentID)
        /// Two live connections use its key: `agent-cloned`.
        case cloned(AgentID)
        /// Only one does, for a while now.
        case cloneGone(AgentID)
    }
}
