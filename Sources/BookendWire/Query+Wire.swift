import BookendModel

extension ProtoStageAggregate {
    init(_ stage: StageAggregate) {
        self.init()
        status = stage.status.rawValue
        if let value = stage.startedAt { startedUnixMs = value.milliseconds }
        if let value = stage.endedAt { endedUnixMs = value.milliseconds }
        details = ProtoDetails(stage.details)
    }
}

extension StageAggregate {
    init(_ proto: ProtoStageAggregate) throws(WireError) {
        self.init(
            status: Status(rawValue: proto.status),
            startedAt: proto.hasStartedUnixMs ? UnixTime(milliseconds: proto.startedUnixMs) : nil,
            endedAt: proto.hasEndedUnixMs ? UnixTime(milliseconds: proto.endedUnixMs) : nil,
            details: try ReportDetails(proto.details))
    }
}

extension ProtoJobAggregate {
    init(_ job: JobAggregate) {
        self.init()
        jobID = job.job.rawValue
        agent = job.agent.rawValue
        policy = job.policy.rawValue
        revision = job.revision
        cause = ProtoCause(job.cause)
        scheduledStartUnixMs = job.scheduledStart.milliseconds
        status = job.status.rawValue
        attempts = job.attempts.map { attempt in
            var proto = ProtoAttemptAggregate()
            proto.attempt = Int32(clamping: attempt.attempt)
            proto.preScript = ProtoStageAggregate(attempt.preScript)
            proto.backup = ProtoStageAggregate(attempt.backup)
            proto.postScript = ProtoStageAggregate(attempt.postScript)
            return proto
        }
        details = ProtoDetails(job.details)
        if let value = job.startedAt { startedUnixMs = value.milliseconds }
        if let value = job.endedAt { endedUnixMs = value.milliseconds }
        if let value = job.lastOrigin {
            lastIncarnation = value.incarnation
            lastSequence = value.sequence
        }
        inferences = job.inferences.map { inference in
            var proto = ProtoInferredStatus()
            proto.status = inference.status.rawValue
            proto.before = inference.before.rawValue
            proto.atUnixMs = inference.at.milliseconds
            proto.reason = inference.reason
            if let value = inference.correctedAt { proto.correctedUnixMs = value.milliseconds }
            return proto
        }
    }
}

extension JobAggregate {
    init(_ proto: ProtoJobAggregate) throws(WireError) {
        let agent = try AgentID(wire: proto.agent, "job.agent")
        self.init(
            job: try JobID(wire: proto.jobID), agent: agent, policy: try PolicyName(wire: proto.policy, "job.policy"),
            revision: proto.revision, cause: try TriggerCause(proto.cause),
            scheduledStart: UnixTime(milliseconds: proto.scheduledStartUnixMs), status: Status(rawValue: proto.status),
            attempts: try proto.attempts.bounded(10_000, "job.attempts").map { attempt throws(WireError) in
                AttemptAggregate(
                    attempt: Int(attempt.attempt), preScript: try StageAggregate(attempt.preScript),
                    backup: try StageAggregate(attempt.backup), postScript: try StageAggregate(attempt.postScript))
            },
            details: try ReportDetails(proto.details),
            startedAt: proto.hasStartedUnixMs ? UnixTime(milliseconds: proto.startedUnixMs) : nil,
            endedAt: proto.hasEndedUnixMs ? UnixTime(milliseconds: proto.endedUnixMs) : nil,
            lastOrigin: proto.hasLastSequence
                ? ReportOrigin(agent: agent, incarnation: proto.lastIncarnation, sequence: proto.lastSequence) : nil,
            inferences: try proto.inferences.bounded(16, "job.inferences").map { inference throws(WireError) in
                InferredStatus(
                    status: Status(rawValue: inference.status), before: Status(rawValue: inference.before),
                    at: UnixTime(milliseconds: inference.atUnixMs),
                    reason: try inference.reason.bounded(4_096, "inference.reason"),
                    correctedAt: inference.hasCorrectedUnixMs
                        ? UnixTime(milliseconds: inference.correctedUnixMs) : nil)
            })
    }
}

extension ProtoJobFilter {
    init(_ filter: JobFilter) {
        self.init()
        jobIds = filter.jobs.map(\.rawValue)
        if let value = filter.policy { policy = value.rawValue }
        if let value = filter.agent { agent = value.rawValue }
        if let value = filter.status { status = value.rawValue }
        activeOnly = filter.activeOnly
        if let value = filter.since { sinceUnixMs = value.milliseconds }
        if let value = filter.before { beforeJobID = value.rawValue }
        limit = Int32(clamping: filter.limit)
    }
}

extension JobFilter {
    init(_ proto: ProtoJobFilter) throws(WireError) {
        self.init()
        jobs = try proto.jobIds.bounded(1_000, "filter.job_ids").map { job throws(WireError) in try JobID(wire: job) }
        policy = proto.hasPolicy ? try PolicyName(wire: proto.policy, "filter.policy") : nil
        agent = proto.hasAgent ? try AgentID(wire: proto.agent, "filter.agent") : nil
        status = proto.hasStatus ? Status(rawValue: proto.status) : nil
        activeOnly = proto.activeOnly
        since = proto.hasSinceUnixMs ? UnixTime(milliseconds: proto.sinceUnixMs) : nil
        before = proto.hasBeforeJobID ? try JobID(wire: proto.beforeJobID) : nil
        limit = try proto.limit.within(1...1_000, "filter.limit")
    }
}

extension ProtoQuery {
    init(_ request: UInt64, _ value: Query) {
        self.init()
        self.request = request
        switch value {
        case .jobs(let filter): query = .jobs(ProtoJobFilter(filter))
        case .job(let job): query = .jobID(job.rawValue)
        case .fleet: query = .fleet(Fleet())
        case .feed(let from, let limit):
            var feed = Feed()
            if let from { feed.from = from.rawValue }
            feed.limit = Int32(clamping: limit)
            query = .feed(feed)
        case .feedHead: query = .feedHead(FeedHead())
        case .auditAnchors(let after, let limit):
            var anchors = AuditAnchors()
            anchors.after = after
            anchors.limit = Int32(clamping: limit)
            query = .auditAnchors(anchors)
        case .alerts(let filter): query = .alerts(ProtoAlertFilter(filter))
        case .alert(let id): query = .alertID(id)
        case .acknowledgeAlert(let id, let note):
            var acknowledge = AcknowledgeAlert()
            (acknowledge.id, acknowledge.note) = (id, note)
            query = .acknowledgeAlert(acknowledge)
        case .resolveAlert(let id, let reason):
            var resolve = ResolveAlert()
            (resolve.id, resolve.reason) = (id, reason)
            query = .resolveAlert(resolve)
        case .silences: query = .silences(Silences())
        case .silenceAlerts(let silence): query = .silenceAlerts(ProtoAlertSilence(silence))
        case .endSilence(let id): query = .endSilence(id)
        case .testChannels(let channel):
            var test = TestChannels()
            test.channel = channel ?? ""
            query = .testChannels(test)
        case .serverKey(let step): query = .serverKey(ProtoServerKeyRequest(step))
        case .messages(let channel):
            var messages = Messages()
            messages.channel = channel ?? ""
            query = .messages(messages)
        case .backupAges(let since):
            var ages = BackupAges()
            ages.sinceUnixMs = since.milliseconds
            query = .backupAges(ages)
        case .resendMessages(let choice): query = .resendMessages(MessageChoice(choice))
        case .discardMessages(let choice): query = .discardMessages(MessageChoice(choice))
        }
    }
}

extension Query {
    init(_ proto: ProtoQuery) throws(WireError) {
        switch try required(proto.query, "query") {
        case .jobs(let filter): self = .jobs(try JobFilter(filter))
        case .jobID(let job): self = .job(try JobID(wire: job))
        case .fleet: self = .fleet
        case .feed(let feed):
            self = .feed(
                from: feed.hasFrom ? Cursor(rawValue: try feed.from.bounded(256, "feed.from")) : nil,
                limit: try feed.limit.within(1...1_000, "feed.limit"))
        case .feedHead: self = .feedHead
        case .auditAnchors(let anchors):
            self = .auditAnchors(
                after: max(0, anchors.after), limit: try anchors.limit.within(1...1_000, "audit_anchors.limit"))
        case .alerts(let filter): self = .alerts(try AlertFilter(filter))
        case .alertID(let id): self = .alert(id)
        case .acknowledgeAlert(let proto):
            self = .acknowledgeAlert(proto.id, note: try proto.note.bounded(1_024, "acknowledge_alert.note"))
        case .resolveAlert(let proto):
            self = .resolveAlert(proto.id, reason: try proto.reason.bounded(1_024, "resolve_alert.reason"))
        case .silences: self = .silences
        case .silenceAlerts(let silence): self = .silenceAlerts(try AlertSilence(silence))
        case .endSilence(let id): self = .endSilence(id)
        case .testChannels(let test):
            let channel = try test.channel.bounded(128, "test_channels.channel")
            self = .testChannels(channel.isEmpty ? nil : channel)
        case .serverKey(let step): self = .serverKey(try ServerKeyStep(step))
        case .messages(let messages):
            let channel = try messages.channel.bounded(128, "messages.channel")
            self = .messages(channel: channel.isEmpty ? nil : channel)
        case .backupAges(let ages): self = .backupAges(since: UnixTime(milliseconds: ages.sinceUnixMs))
        case .resendMessages(let choice): self = .resendMessages(try MessageChoice(choice))
        case .discardMessages(let choice): self = .discardMessages(try MessageChoice(choice))
        }
    }
}

private func counts(_ jobs: [Status: Int]) -> [ProtoStatusCount] {
    jobs.sorted { $0.key.rawValue < $1.key.rawValue }.map { status, count in
        var proto = ProtoStatusCount()
        proto.status = status.rawValue
        proto.jobs = Int64(count)
        return proto
    }
}

private func counts(_ protos: [ProtoStatusCount]) -> [Status: Int] {
    Dictionary(protos.map { (Status(rawValue: $0.status), Int($0.jobs)) }, uniquingKeysWith: { $1 })
}

extension ProtoFleetSummary {
    init(_ summary: FleetSummary) {
        self.init()
        jobs = counts(summary.jobs)
        agents = summary.agents.map { agent in
            var proto = Agent()
            proto.agent = agent.agent.rawValue
            proto.jobs = counts(agent.jobs)
            if let value = agent.lastJob { proto.lastJobID = value.rawValue }
            if let value = agent.lastStatus { proto.lastStatus = value.rawValue }
            if let value = agent.lastGoodBackupAt { proto.lastGoodBackupUnixMs = value.milliseconds }
            return proto
        }
        policies = summary.policies.map { policy in
            var proto = Policy()
            proto.policy = policy.policy.rawValue
            proto.jobs = counts(policy.jobs)
            if let value = policy.lastGoodBackupAt { proto.lastGoodBackupUnixMs = value.milliseconds }
            return proto
        }
        reportsStored = summary.reportsStored
        asOfUnixMs = summary.asOf.milliseconds
        channels = summary.channels.map(ProtoChannelState.init)
        activeAlerts = Int64(summary.activeAlerts)
        criticalAlerts = Int64(summary.criticalAlerts)
    }
}

extension FleetSummary {
    init(_ proto: ProtoFleetSummary) throws(WireError) {
        self.init(
            jobs: counts(proto.jobs),
            agents: try proto.agents.map { agent throws(WireError) in
                AgentSummary(
                    agent: try AgentID(wire: agent.agent, "fleet.agent"), jobs: counts(agent.jobs),
                    lastJob: agent.hasLastJobID ? try JobID(wire: agent.lastJobID) : nil,
                    lastStatus: agent.hasLastStatus ? Status(rawValue: agent.lastStatus) : nil,
                    lastGoodBackupAt: agent.hasLastGoodBackupUnixMs
                        ? UnixTime(milliseconds: agent.lastGoodBackupUnixMs) : nil)
            },
            policies: try proto.policies.map { policy throws(WireError) in
                PolicySummary(
                    policy: try PolicyName(wire: policy.policy, "fleet.policy"), jobs: counts(policy.jobs),
                    lastGoodBackupAt: policy.hasLastGoodBackupUnixMs
                        ? UnixTime(milliseconds: policy.lastGoodBackupUnixMs) : nil)
            },
            reportsStored: proto.reportsStored, asOf: UnixTime(milliseconds: proto.asOfUnixMs))
        channels = try proto.channels.bounded(1_000, "fleet.channels").map { channel throws(WireError) in
            try ChannelState(channel)
        }
        activeAlerts = Int(clamping: proto.activeAlerts)
        criticalAlerts = Int(clamping: proto.criticalAlerts)
    }
}

extension ProtoQueryReply {
    init(_ request: UInt64, _ value: QueryReply) {
        self.init()
        self.request = request
        switch value {
        case .jobs(let aggregates):
            var jobs = Jobs()
            jobs.jobs = aggregates.map(ProtoJobAggregate.init)
            reply = .jobs(jobs)
        case .fleet(let summary): reply = .fleet(ProtoFleetSummary(summary))
        case .feed(let entries, let head):
            var feed = Feed()
            feed.entries = entries.map(ProtoFeedEntry.init)
            feed.head = head.rawValue
            reply = .feed(feed)
        case .auditAnchors(let list, let isComplete):
            var anchors = AuditAnchors()
            anchors.anchors = list.map(ProtoAuditAnchor.init)
            anchors.isComplete = isComplete
            reply = .auditAnchors(anchors)
        case .alerts(let records):
            var alerts = Alerts()
            alerts.alerts = records.map(ProtoAlertRecord.init)
            reply = .alerts(alerts)
        case .silences(let list):
            var silences = Silences()
            silences.silences = list.map(ProtoAlertSilence.init)
            reply = .silences(silences)
        case .channels(let list):
            var channels = Channels()
            channels.channels = list.map(ProtoChannelState.init)
            reply = .channels(channels)
        case .serverKey(let state): reply = .serverKey(ProtoServerKeyState(state))
        case .messages(let list, let total):
            var messages = Messages()
            messages.messages = list.map(ProtoMessageRecord.init)
            messages.total = Int64(total)
            reply = .messages(messages)
        case .backupAges(let list):
            var ages = BackupAges()
            ages.ages = list.map(ProtoBackupAge.init)
            reply = .backupAges(ages)
        case .failed(let failure): reply = .failure(ProtoFailure(failure))
        }
    }
}

extension QueryReply {
    init(_ proto: ProtoQueryReply) throws(WireError) {
        switch try required(proto.reply, "query_reply") {
        case .jobs(let list): self = .jobs(try list.jobs.map { job throws(WireError) in try JobAggregate(job) })
        case .fleet(let summary): self = .fleet(try FleetSummary(summary))
        case .feed(let feed):
            self = .feed(
                try feed.entries.map { entry throws(WireError) in try FeedEntry(entry) },
                head: Cursor(rawValue: try feed.head.bounded(256, "feed.head")))
        case .auditAnchors(let list):
            self = .auditAnchors(
                try list.anchors.bounded(1_000, "anchors").map { anchor throws(WireError) in try AuditAnchor(anchor) },
                isComplete: list.isComplete)
        case .alerts(let list):
            self = .alerts(
                try list.alerts.bounded(1_000, "alerts").map { alert throws(WireError) in try AlertRecord(alert) })
        case .silences(let list):
            self = .silences(
                try list.silences.bounded(1_000, "silences").map { silence throws(WireError) in
                    try AlertSilence(silence)
                })
        case .channels(let list):
            self = .channels(
                try list.channels.bounded(1_000, "channels").map { state throws(WireError) in try ChannelState(state) })
        case .serverKey(let state): self = .serverKey(try ServerKeyState(state))
        case .messages(let list):
            self = .messages(
                try list.messages.bounded(1_000, "messages").map { record throws(WireError) in
                    try MessageRecord(record)
                }, total: Int(clamping: list.total))
        case .backupAges(let list):
            self = .backupAges(
                try list.ages.bounded(10_000, "backup_ages").map { age throws(WireError) in try BackupAge(age) })
        case .failure(let failure): self = .failed(try RemoteFailure(failure))
        }
    }
}

extension ProtoBackupAge {
    init(_ age: BackupAge) {
        self.init()
        agent = age.agent.rawValue
        policy = age.policy.rawValue
        if let value = age.goodAt { goodUnixMs = value.milliseconds }
        firstUnixMs = age.firstAt.milliseconds
        if let value = age.objective { objectiveMs = value.milliseconds }
    }
}

extension BackupAge {
    init(_ proto: ProtoBackupAge) throws(WireError) {
        self.init(
            agent: try AgentID(wire: proto.agent, "backup_age.agent"),
            policy: try PolicyName(wire: proto.policy, "backup_age.policy"),
            goodAt: proto.hasGoodUnixMs ? UnixTime(milliseconds: proto.goodUnixMs) : nil,
            firstAt: UnixTime(milliseconds: proto.firstUnixMs),
            objective: proto.hasObjectiveMs ? .milliseconds(proto.objectiveMs) : nil)
    }
}
