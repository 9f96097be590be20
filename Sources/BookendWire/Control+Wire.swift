import BookendModel

extension ProtoControlRequest {
    init(_ request: UInt64, _ value: ControlRequest) {
        self.init()
        self.request = request
        switch value {
        case .applyPolicies(let policies, let dryRun):
            var apply = ApplyPolicies()
            apply.policies = policies.map(ProtoPolicy.init)
            apply.dryRun = dryRun
            body = .applyPolicies(apply)
        case .listPolicies: body = .listPolicies(ListPolicies())
        case .showPolicy(let name, let revision):
            var show = ShowPolicy()
            show.name = name.rawValue
            if let revision { show.revision = revision }
            body = .showPolicy(show)
        case .deletePolicy(let name):
            var delete = DeletePolicy()
            delete.name = name.rawValue
            body = .deletePolicy(delete)
        case .backup(let order):
            var backup = ProtoBackupOrder()
            backup.policy = order.policy.rawValue
            backup.narrowing = ProtoSelector(order.narrowing)
            if let duration = order.queueFor { backup.queueForMs = duration.milliseconds }
            backup.asScheduled = order.asScheduled
            if let time = order.validUntil { backup.validUntilUnixMs = time.milliseconds }
            body = .backup(backup)
        case .rehearse(let order):
            var rehearsal = ProtoRehearsalOrder()
            rehearsal.policy = order.policy.rawValue
            rehearsal.agent = order.agent.rawValue
            if let fault = order.fault { rehearsal.fault = ProtoStagedFault(fault) }
            if let time = order.validUntil { rehearsal.validUntilUnixMs = time.milliseconds }
            body = .rehearse(rehearsal)
        case .cancel(let job): body = .cancelJobID(job.rawValue)
        case .listAgents: body = .listAgents(ListAgents())
        case .listSlots(let policy, let agent, let limit):
            var list = ListSlots()
            if let policy { list.policy = policy.rawValue }
            if let agent { list.agent = agent.rawValue }
            list.limit = Int32(clamping: limit)
            body = .listSlots(list)
        case .listStarts(let filter):
            var list = ListStarts()
            if let policy = filter.policy { list.policy = policy.rawValue }
            if let agent = filter.agent { list.agent = agent.rawValue }
            if let after = filter.after { list.afterUnixMs = after.milliseconds }
            list.limit = Int32(clamping: filter.limit)
            body = .listStarts(list)
        case .readDrift(let filter):
            var read = ReadDrift()
            if let policy = filter.policy { read.policy = policy.rawValue }
            if let agent = filter.agent { read.agent = agent.rawValue }
            read.includesHealthy = filter.includesHealthy
            body = .readDrift(read)
        case .makeHold(let draft):
            var make = MakeHold()
            make.target = draft.target.description
            make.reason = draft.reason
            make.untilUnixMs = draft.until.milliseconds
            body = .makeHold(make)
        case .releaseHold(let target): body = .releaseHold(target.description)
        case .listHolds: body = .listHolds(ListHolds())
        case .ask(let agent, let request):
            var ask = Ask()
            ask.agent = agent.rawValue
            ask.request = ProtoAskRequest(request)
            body = .ask(ask)
        case .askCredit(let chunks):
            var credit = AskCredit()
            credit.chunks = Int32(clamping: chunks)
            body = .askCredit(credit)
        case .askClose: body = .askClose(AskClose())
        case .listPeers(let role):
            var list = ListPeers()
            if let role { list.peerRole = role.rawValue }
            body = .listPeers(list)
        case .labelPeer(let identity, let set, let remove):
            var label = LabelPeer()
            label.identity = identity.description
            label.labels = set
            label.removed = remove
            body = .labelPeer(label)
        case .renamePeer(let identity, let name):
            var rename = RenamePeer()
            rename.identity = identity.description
            rename.name = name
            body = .renamePeer(rename)
        case .revokePeer(let identity): body = .revokePeer(identity.description)
        case .approvePeer(let identity): body = .approvePeer(identity.description)
        case .createToken(let draft): body = .createToken(ProtoTokenDraft(draft))
        case .listTokens: body = .listTokens(ListTokens())
        case .revokeToken(let id): body = .revokeTokenID(id.rawValue)
        case .rotateKey(let agent): body = .rotateAgentKey(agent.rawValue)
        case .rotateOwnKey(let key): body = .rotateOwnKey(key.text)
        case .serverKey(let step): body = .serverKey(ProtoServerKeyRequest(step))
        case .readAudit(let filter): body = .readAudit(ProtoAuditFilter(filter))
        }
    }
}

extension ControlRequest {
    init(_ proto: ProtoControlRequest) throws(WireError) {
        switch try required(proto.body, "control") {
        case .applyPolicies(let apply):
            self = .applyPolicies(
                try apply.policies.bounded(1_000, "policies").map { policy throws(WireError) in try Policy(policy) },
                dryRun: apply.dryRun)
        case .listPolicies: self = .listPolicies
        case .showPolicy(let show):
            self = .showPolicy(
                try PolicyName(wire: show.name, "policy"), revision: show.hasRevision ? show.revision : nil)
        case .deletePolicy(let delete): self = .deletePolicy(try PolicyName(wire: delete.name, "policy"))
        case .backup(let order):
            self = .backup(
                BackupOrder(
                    policy: try PolicyName(wire: order.policy, "policy"), narrowing: try Selector(order.narrowing),
                    queueFor: order.hasQueueForMs ? .milliseconds(order.queueForMs) : nil,
                    asScheduled: order.asScheduled,
                    validUntil: order.hasValidUntilUnixMs ? UnixTime(milliseconds: order.validUntilUnixMs) : nil))
        case .rehearse(let order):
            self = .rehearse(
                RehearsalOrder(
                    policy: try PolicyName(wire: order.policy, "policy"),
                    agent: try AgentID(wire: order.agent, "agent"),
                    fault: order.hasFault ? try StagedFault(order.fault) : nil,
                    validUntil: order.hasValidUntilUnixMs ? UnixTime(milliseconds: order.validUntilUnixMs) : nil))
        case .cancelJobID(let job): self = .cancel(try JobID(wire: job))
        case .listAgents: self = .listAgents
        case .listSlots(let list):
            self = .listSlots(
                list.hasPolicy ? try PolicyName(wire: list.policy, "policy") : nil,
                list.hasAgent ? try AgentID(wire: list.agent, "agent") : nil,
                limit: try list.limit.within(1...10_000, "limit"))
        case .listStarts(let list):
            self = .listStarts(
                StartFilter(
                    policy: list.hasPolicy ? try PolicyName(wire: list.policy, "policy") : nil,
                    agent: list.hasAgent ? try AgentID(wire: list.agent, "agent") : nil,
                    after: list.hasAfterUnixMs ? UnixTime(milliseconds: list.afterUnixMs) : nil,
                    limit: try list.limit.within(1...1_000, "limit")))
        case .readDrift(let read):
            self = .readDrift(
                DriftFilter(
                    policy: read.hasPolicy ? try PolicyName(wire: read.policy, "policy") : nil,
                    agent: read.hasAgent ? try AgentID(wire: read.agent, "agent") : nil,
                    includesHealthy: read.includesHealthy))
        case .makeHold(let make):
            self = .makeHold(
                HoldDraft(
                    target: try Hold.Target(wire: make.target), reason: try make.reason.bounded(1_024, "hold.reason"),
                    until: UnixTime(milliseconds: make.untilUnixMs)))
        case .releaseHold(let target): self = .releaseHold(try Hold.Target(wire: target))
        case .listHolds: self = .listHolds
        case .ask(let ask): self = .ask(try AgentID(wire: ask.agent, "agent"), try AskRequest(ask.request))
        case .askCredit(let credit): self = .askCredit(chunks: try credit.chunks.within(1...64, "credit"))
        case .askClose: self = .askClose
        case .listPeers(let list):
            self = .listPeers(list.hasPeerRole ? try PeerRole(wire: list.peerRole, "peer_role") : nil)
        case .labelPeer(let label):
            self = .labelPeer(
                try PeerIdentity(wire: label.identity), set: try label.labels.checkedAsLabels("labels"),
                remove: try label.removed.bounded(64, "removed"))
        case .renamePeer(let rename):
            self = .renamePeer(
                try PeerIdentity(wire: rename.identity), to: try AgentID(wire: rename.name, "name").rawValue)
        case .revokePeer(let identity): self = .revokePeer(try PeerIdentity(wire: identity))
        case .approvePeer(let identity): self = .approvePeer(try PeerIdentity(wire: identity))
        case .createToken(let draft): self = .createToken(try TokenDraft(draft))
        case .listTokens: self = .listTokens
        case .revokeTokenID(let id): self = .revokeToken(try TokenID(wire: id))
        case .rotateAgentKey(let agent): self = .rotateKey(try AgentID(wire: agent, "agent"))
        case .rotateOwnKey(let key): self = .rotateOwnKey(try PublicKey(wire: key, "rotate_own_key"))
        case .serverKey(let proto): self = .serverKey(try ServerKeyStep(proto))
        case .readAudit(let filter): self = .readAudit(try AuditFilter(filter))
        }
    }
}

extension ProtoAgentRecord {
    init(_ agent: AgentRecord) {
        self.init()
        id = agent.id.rawValue
        labels = agent.labels
        isOnline = agent.isOnline
        if let time = agent.lastHeardAt { lastHeardUnixMs = time.milliseconds }
        version = agent.version
        generation = agent.generation
        activeJobs = agent.activeJobs.map(ProtoActiveJob.init)
        outboxDepth = agent.outboxDepth
        openDebts = agent.openDebts
        clockSkewMs = agent.clockSkew.milliseconds
        isCloned = agent.isCloned
        if let hold = agent.maintenance { maintenance = ProtoHold(hold) }
        if let drifts = agent.scriptDrift { scriptDrift = ProtoScriptDrifts(drifts) }
        if let problem = agent.journalProblem { journalProblem = problem }
    }
}

extension AgentRecord {
    init(_ proto: ProtoAgentRecord) throws(WireError) {
        self.init(
            id: try AgentID(wire: proto.id, "agent.id"), labels: try proto.labels.checkedAsLabels("agent.labels"),
            isOnline: proto.isOnline,
            lastHeardAt: proto.hasLastHeardUnixMs ? UnixTime(milliseconds: proto.lastHeardUnixMs) : nil,
            version: try proto.version.bounded(64, "agent.version"), generation: proto.generation,
            activeJobs: try ActiveJob.list(proto.activeJobs), outboxDepth: proto.outboxDepth,
            openDebts: proto.openDebts, clockSkew: .milliseconds(proto.clockSkewMs), isCloned: proto.isCloned,
            maintenance: proto.hasMaintenance ? try Hold(proto.maintenance) : nil)
        if proto.hasScriptDrift { scriptDrift = try ScriptDrift.list(proto.scriptDrift) }
        if proto.hasJournalProblem {
            journalProblem = try proto.journalProblem.bounded(Heartbeat.journalProblemLimit, "agent.journal_problem")
        }
    }
}

extension ProtoPolicyOutcome {
    init(_ outcome: PolicyOutcome) {
        self.init()
        name = outcome.name.rawValue
        revision = outcome.revision
        switch outcome.change {
        case .created: change = .created
        case .changed: change = .changed
        case .unchanged: change = .unchanged
        }
        agents = outcome.agents.map(\.rawValue)
    }
}

extension PolicyOutcome {
    init(_ proto: ProtoPolicyOutcome) throws(WireError) {
        let change: Change
        switch proto.change {
        case .created: change = .created
        case .changed: change = .changed
        case .unchanged: change = .unchanged
        case .unspecified, .UNRECOGNIZED:
            throw WireError(.invalid, "policy change: unknown value \(proto.change.rawValue)")
        }
        self.init(
            name: try PolicyName(wire: proto.name, "policy"), revision: proto.revision, change: change,
            agents: try proto.agents.map { agent throws(WireError) in try AgentID(wire: agent, "agent") })
    }
}

extension ProtoControlReply {
    init(_ request: UInt64, _ value: ControlReply) {
        self.init()
        self.request = request
        switch value {
        case .applied(let outcomes):
            var applied = Applied()
            applied.outcomes = outcomes.map(ProtoPolicyOutcome.init)
            body = .applied(applied)
        case .policies(let revisions):
            var policies = Policies()
            policies.policies = revisions.map(ProtoPolicyRevision.init)
            body = .policies(policies)
        case .triggered(let records):
            var triggered = Triggered()
            triggered.triggers = records.map(ProtoTriggerRecord.init)
            body = .triggered(triggered)
        case .canceled(let record): body = .canceled(ProtoTriggerRecord(record))
        case .agents(let records):
            var agents = Agents()
            agents.agents = records.map(ProtoAgentRecord.init)
            body = .agents(agents)
        case .answer(let answer): body = .answer(ProtoAskAnswer(answer))
        case .done: body = .done(Done())
        case .peers(let list):
            var peers = Peers()
            peers.peers = list.map(ProtoPeer.init)
            body = .peers(peers)
        case .revoked(let revocation):
            var revoked = ProtoRevocation()
            revoked.peers = revocation.peers.map(ProtoPeer.init)
            revoked.uninformed = revocation.uninformed.map(\.description)
            body = .revoked(revoked)
        case .rotated(let rotation):
            var rotated = ProtoKeyRotation()
            rotated.identity = rotation.identity.description
            rotated.publicKey = rotation.key.text
            rotated.isInUse = rotation.isInUse
            rotated.uninformed = rotation.uninformed.map(\.description)
            body = .rotated(rotated)
        case .serverKey(let state): body = .serverKey(ProtoServerKeyState(state))
        case .tokens(let list):
            var tokens = Tokens()
            tokens.tokens = list.map(ProtoEnrollmentToken.init)
            body = .tokens(tokens)
        case .tokenMade(let token, let text):
            var made = TokenMade()
            made.token = ProtoEnrollmentToken(token)
            made.text = text
            body = .tokenMade(made)
        case .audit(let entries):
            var page = AuditPage()
            page.entries = entries.map(ProtoAuditEntry.init)
            body = .audit(page)
        case .starts(let upcoming): body = .starts(Starts(upcoming))
        case .holds(let list):
            var holds = Holds()
            holds.holds = list.map(ProtoHold.init)
            body = .holds(holds)
        case .drift(let report):
            var drift = Drift()
            drift.rows = report.rows.map(ProtoPolicyDrift.init)
            drift.compared = Int64(report.compared)
            drift.drifting = Int64(report.drifting)
            body = .drift(drift)
        case .failed(let failure): body = .failure(ProtoFailure(failure))
        }
    }
}

extension ControlReply {
    init(_ proto: ProtoControlReply) throws(WireError) {
        switch try required(proto.body, "control_reply") {
        case .applied(let applied):
            self = .applied(try applied.outcomes.map { outcome throws(WireError) in try PolicyOutcome(outcome) })
        case .policies(let list):
            self = .policies(try list.policies.map { policy throws(WireError) in try PolicyRevision(policy) })
        case .triggered(let list):
            self = .triggered(try list.triggers.map { record throws(WireError) in try TriggerRecord(record) })
        case .canceled(let record): self = .canceled(try TriggerRecord(record))
        case .agents(let list):
            self = .agents(try list.agents.map { agent throws(WireError) in try AgentRecord(agent) })
        case .answer(let answer): self = .answer(try AskAnswer(answer))
        case .done: self = .done
        case .peers(let list): self = .peers(try Peer.list(list.peers))
        case .revoked(let revoked):
            self = .revoked(
                Revocation(
                    peers: try Peer.list(revoked.peers),
                    uninformed: try revoked.uninformed.bounded(1_000, "uninformed").map {
                        identity throws(WireError) in try PeerIdentity(wire: identity)
                    }))
        case .rotated(let rotated):
            self = .rotated(
                KeyRotation(
                    identity: try PeerIdentity(wire: rotated.identity), key: try PublicKey(wire: rotated.publicKey),
                    isInUse: rotated.isInUse,
                    uninformed: try rotated.uninformed.bounded(1_000, "uninformed").map {
                        identity throws(WireError) in try PeerIdentity(wire: identity)
                    }))
        case .serverKey(let state): self = .serverKey(try ServerKeyState(state))
        case .tokens(let list):
            self = .tokens(try list.tokens.map { token throws(WireError) in try EnrollmentToken(token) })
        case .tokenMade(let made):
            self = .tokenMade(try EnrollmentToken(made.token), text: try made.text.bounded(4_096, "text"))
        case .audit(let page):
            self = .audit(
                try page.entries.bounded(1_000, "audit").map { entry throws(WireError) in try AuditEntry(entry) })
        case .starts(let starts): self = .starts(try UpcomingStarts(starts))
        case .drift(let drift):
            self = .drift(
                DriftReport(
                    rows: try drift.rows.bounded(DriftReport.rowLimit, "drift").map { row throws(WireError) in
                        try PolicyDrift(row)
                    },
                    compared: Int(clamping: drift.compared), drifting: Int(clamping: drift.drifting)))
        case .holds(let list): self = .holds(try list.holds.map { hold throws(WireError) in try Hold(hold) })
        case .failure(let failure): self = .failed(try RemoteFailure(failure))
        }
    }
}

extension ProtoRosterReply {
    init(_ reply: RosterReply) {
        self.init()
        through = reply.through
        triggers = reply.triggers.map(ProtoTriggerRecord.init)
        isComplete = reply.isComplete
        agents = reply.agents.map(ProtoAgentRecord.init)
        epoch = reply.epoch
        peers = reply.peers.map(ProtoPeer.init)
        peersThrough = reply.peersThrough
        if let head = reply.auditHead { auditHead = ProtoAuditHead(head) }
        refusalsThrough = reply.refusalsThrough
        if let key = reply.nextKey { nextKey = key.text }
        actionsThrough = reply.actionsThrough
        if let known = reply.coverage {
            let places = Dictionary(
                reply.agents.enumerated().map { ($1.id, Int64($0)) }, uniquingKeysWith: { first, _ in first })
            coverageVersion = known.version
            coverage = known.agents.sorted { $0.key < $1.key }.map { policy, agents in
                var proto = ProtoCoverage()
                proto.policy = policy.rawValue
                proto.agents = agents.compactMap { places[$0] }.sorted()
                return proto
            }
        }
        guard let known = reply.objectives else { return }
        objectivesVersion = known.version
        objectives = known.within.sorted { $0.key < $1.key }.map { policy, within in
            var proto = ProtoObjective()
            proto.policy = policy.rawValue
            proto.withinMs = within.milliseconds
            return proto
        }
    }
}

extension RosterReply {
    init(_ proto: ProtoRosterReply) throws(WireError) {
        self.init(
            through: proto.through,
            triggers: try proto.triggers.map { record throws(WireError) in try TriggerRecord(record) },
            isComplete: proto.isComplete,
            agents: try proto.agents.map { agent throws(WireError) in try AgentRecord(agent) }, epoch: proto.epoch,
            peers: try Peer.list(proto.peers), peersThrough: proto.peersThrough)
        auditHead = proto.hasAuditHead ? try AuditHead(proto.auditHead) : nil
        refusalsThrough = max(0, proto.refusalsThrough)
        nextKey = try PublicKey(wire: proto.nextKey, isThere: proto.hasNextKey, "roster.next_key")
        actionsThrough = max(0, proto.actionsThrough)
        if proto.coverageVersion != 0 { coverage = try PolicyCoverage(proto, agents) }
        guard proto.objectivesVersion != 0 else { return }
        var within: [PolicyName: Duration] = [:]
        for objective in try proto.objectives.bounded(100_000, "objectives") {
            within[try PolicyName(wire: objective.policy, "objective.policy")] = .milliseconds(objective.withinMs)
        }
        objectives = PolicyObjectives(within)
    }
}

extension PolicyCoverage {
    fileprivate init(_ proto: ProtoRosterReply, _ agents: [AgentRecord]) throws(WireError) {
        var picked: [PolicyName: Set<AgentID>] = [:]
        for coverage in try proto.coverage.bounded(100_000, "coverage") {
            var ids: Set<AgentID> = []
            for place in coverage.agents {
                guard place >= 0, place < agents.count else {
                    throw WireError(.invalid, "coverage.agents: there is no agent \(place)")
                }
                ids.insert(agents[Int(place)].id)
            }
            picked[try PolicyName(wire: coverage.policy, "coverage.policy")] = ids
        }
        self.init(picked, version: proto.coverageVersion)
    }
}
