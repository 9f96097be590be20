import BookendModel

/// One message of every kind, with every optional part present.
enum Samples {
    static let time = UnixTime(milliseconds: 1_790_000_000_123)
    static let agent = AgentID(rawValue: "web-1")
    static let job = JobID(rawValue: 42)
    static let name = PolicyName(rawValue: "nightly")

    static let trigger = Trigger(
        job: job, agent: agent, policy: name, revision: 3, cause: .catchUp, scheduledStart: time,
        notAfter: time + .seconds(60), windowEnd: time + .seconds(3_600), bandwidthLimit: 1 << 33,
        fault: StagedFault(.kill, after: .milliseconds(100)))
    static let record = TriggerRecord(trigger: trigger, state: .missed, isCanceled: true)
    static let activeJob = ActiveJob(job: job, policy: name, attempt: 2, stage: .backup)

    static let restic = PolicyRevision(
        policy: Policy(
            name: name, description: "every night",
            selector: Selector(ids: [agent], patterns: ["web-*"], labels: ["role": "web"]),
            engine: .restic(
                ResticPlan(
                    repository: RepositoryName(rawValue: "main"), sources: ["/etc", "/srv"], excludes: ["*.tmp"])),
            scripts: ScriptPlan(
                directory: "/etc/bookend/scripts", preTimeout: .seconds(1), postTimeout: .milliseconds(1_500),
                skipBackupIfPreFails: true, skipBackupIfPreMissing: true, preLeftProcesses: .allow,
                postLeftProcesses: .end, statusProfile: .map("legacy"), exclusiveGroup: "databases",
                preSHA256: String(repeating: "0a", count: 32), postSHA256: String(repeating: "f1", count: 32)),
            retry: RetryPlan(
                attempts: 3, interval: .seconds(300), backoff: 2, longestInterval: .seconds(900), jitterPercent: 20,
                onlyAfter: [.repositoryLocked, .interrupted]),
            window: .seconds(14_400),
            splay: .seconds(90), ignoreWindowForFirstBackup: true, catchUp: .latest,
            whenAgentOffline: .skip, overlap: .replace,
            limits: StartLimits(perPolicy: 3, perRepository: 1, perAgent: 2),
            bandwidthLimit: 1 << 20,
            schedules: [
                .at(time), Schedule(.afterSuccess(.seconds(86_400))),
                Schedule(.cron("@daily"), zone: .agent, window: .seconds(60), splay: .zero, bandwidthLimit: 2_048),
                Schedule(.days(Weekdays(bits: 5), start: TimeOfDay(minutes: 1_439)), zone: .named("Europe/Berlin")),
            ]),
        revision: 3, appliedAt: time, appliedBy: "alice")
    static let command = PolicyRevision(
        policy: Policy(
            name: name, selector: Selector(ids: [agent]),
            engine: .command(CommandPlan(program: "/bin/true", arguments: ["-x", ""]))),
        revision: 1, appliedAt: time, appliedBy: "")

    static var details: ReportDetails {
        var details = ReportDetails()
        details.reason = "because"
        details.exitCode = 3
        details.signal = 9
        details.duration = .milliseconds(1_234)
        details.snapshotID = "abcdef"
        details.bytesAdded = 1
        details.bytesProcessed = 2
        details.filesProcessed = 3
        details.errors = ["/x: unreadable"]
        details.leftProcesses = ["12 sleep"]
        details.nextAttemptAt = time
        details.alerts = [.postScriptMissing, .backupFailed]
        details.events = [PipelineEventRecord(at: time, attempt: 1, event: "cancel", consequence: "nothing more runs")]
        details.rules = PipelineRules(restic.policy)
        return details
    }

    static let report = Report(
        origin: ReportOrigin(agent: agent, incarnation: .max, sequence: 7), trigger: ReportedTrigger(trigger),
        attempt: 1,
        stage: .postScript, status: Status(rawValue: 99), at: time, details: details)

    static let aggregate = JobAggregate(
        job: job, agent: agent, policy: name, revision: 3, cause: .manual, scheduledStart: time, status: .successful,
        attempts: [
            AttemptAggregate(
                attempt: 1,
                preScript: StageAggregate(status: .successful, startedAt: time, endedAt: time, details: details))
        ],
        details: details, startedAt: time, endedAt: time, lastOrigin: report.origin,
        inferences: [
            InferredStatus(status: .agentLost, before: .running, at: time, reason: "silence", correctedAt: time)
        ])

    static let inference = Inference(
        trigger: ReportedTrigger(trigger), agent: agent, status: .agentLost, at: time, reason: "silence")

    static let progress = Progress(
        job: job, agent: agent, policy: name, attempt: 1, stage: .backup, fraction: 0.5, bytesDone: 1, bytesTotal: 2,
        filesDone: 3, filesTotal: 4, at: time)

    static let hold = Hold(
        target: .agent(agent), reason: "new disks", since: time, until: time + .seconds(1), madeBy: "operator/alice")

    static let agentRecord: AgentRecord = {
        var record = AgentRecord(
            id: agent, labels: ["role": "web"], isOnline: true, lastHeardAt: time, version: "0.1.0", generation: 4,
            activeJobs: [activeJob], outboxDepth: 5, clockSkew: .milliseconds(-70_000), isCloned: true,
            maintenance: hold)
        record.scriptDrift = [ScriptDrift(policy: name, reason: "there is no post-script")]
        record.journalProblem = "the disk is full"
        return record
    }()

    static let survey = ScriptSurvey(revision: 3, at: time, pre: .unsafe("others write it"), post: .differs("another"))

    static let drift = DriftReport(
        rows: [
            PolicyDrift(
                policy: name, agent: agent, revision: 4, isOnline: true, survey: survey,
                problems: [.init(.revision, "the agent has revision 3"), .init(.scriptUnsafe, "r", isAlarming: true)]),
            PolicyDrift(
                policy: name, agent: agent, revision: 4, isOnline: false,
                survey: ScriptSurvey(revision: 4, at: time, pre: .ready, post: .missing), problems: []),
            PolicyDrift(policy: name, agent: agent, revision: 4, isOnline: false, survey: nil, problems: []),
        ], compared: 7, drifting: 2)

    static let fleet: FleetSummary = {
        var summary = bareFleet
        (summary.channels, summary.activeAlerts, summary.criticalAlerts) = ([channel], 4, 3)
        return summary
    }()
    private static let bareFleet = FleetSummary(
        jobs: [.successful: 3, .missed: 1],
        agents: [
            AgentSummary(
                agent: agent, jobs: [.failed: 1], lastJob: job, lastStatus: .failed, lastGoodBackupAt: time)
        ],
        policies: [PolicySummary(policy: name, jobs: [.running: 1], lastGoodBackupAt: time)], reportsStored: 9,
        asOf: time)

    static let filter: JobFilter = {
        var filter = JobFilter()
        filter.jobs = [job]
        filter.policy = name
        filter.agent = agent
        filter.status = .timedOut
        filter.activeOnly = true
        filter.since = time
        filter.before = job
        filter.limit = 7
        return filter
    }()

    static let asks: [AskRequest] = [
        .logs(job: job, attempt: 2, stage: .preScript, follow: true),
        .logs(job: job, attempt: nil, stage: nil, follow: false),
        .snapshots(repository: RepositoryName(rawValue: "main"), policy: name),
        .restore(repository: RepositoryName(rawValue: "main"), snapshot: "abc", target: "/r", include: ["/etc/hosts"]),
        .makeKey, .useKey(peers[0].key),
    ]
    static let answers: [AskAnswer] = [
        .log(LogChunk(attempt: 1, stage: .preScript, stream: .standardError, data: [0, 255, 10])),
        .snapshots([SnapshotSummary(id: "abc", at: time, paths: ["/etc"], tags: ["t"], host: "web-1")]),
        .restored(RestoreSummary(status: .successful, reason: "ok", files: 1, bytes: 2)),
        .key(peers[0].key),
    ]
    static let failure = RemoteFailure(.notFound, "no such job")

    static let token = EnrollmentToken(
        id: TokenID(rawValue: 3),
        allows: TokenDraft(
            peerRole: .operator, operatorRole: .admin, name: "alice", labels: ["site": "north"], uses: 1,
            lifetime: .seconds(90), needsApproval: true), usesLeft: 0, needsApproval: true, madeAt: time,
        madeBy: "operator/bob", isRevoked: true)

    static let peers: [Peer] = zip(Peer.State.allCases, ["agent/web-1", "operator/alice", "collector/main"]).map {
        state, name in
        Peer(
            identity: PeerIdentity(name)!, key: PublicKey(checking: "yrSiA[x3D4#ut4BQ1M9^5yhh*pCfhH6z^C@iyGLk")!,
            labels: ["site": "north"], role: state == .pending ? nil : .viewer, state: state,
            origin: state == .revoked ? .keyFile : .token(token.id), generation: 7, changedAt: time,
            changedBy: "token/3")
    }

    static let auditEntry = AuditEntry(
        sequence: 7, at: time,
        draft: AuditDraft(
            who: "operator/alice", origin: "192.0.2.1", what: "job.cancel", target: "job 7", result: .refused,
            detail: "no"), previous: [UInt8](0..<32), hash: [UInt8](32..<64))

    static let auditFilter: AuditFilter = {
        var filter = AuditFilter()
        (filter.since, filter.until, filter.who) = (time, time, "operator/")
        (filter.after, filter.newest, filter.limit) = (6, true, 9)
        return filter
    }()

    static let rosterRequest: RosterRequest = {
        var request = RosterRequest(after: 8, epoch: .max, highestJob: job, peersAfter: 7, place: place)
        request.refusals = [
            Refusal(who: "agent/a", origin: "::1", what: "report", target: "agent b", reason: "forged", count: 3)
        ]
        request.refusalsThrough = 1 << 60
        (request.serverKey, request.nextKey) = (peers[1].key, peers[0].key)
        request.objectivesVersion = .max
        request.coverageVersion = .max - 1
        request.actions = [
            CollectorAction(
                who: "operator/alice", what: .alertAcknowledge, target: "alert 7", reason: "disk ordered", at: time)
        ]
        request.actionsThrough = 1 << 61
        return request
    }()

    static let rosterReply: RosterReply = {
        var reply = RosterReply(
            through: 9, triggers: [record], isComplete: false, agents: [agentRecord], epoch: 5, peers: peers,
            peersThrough: 12)
        (reply.auditHead, reply.refusalsThrough, reply.nextKey) = (auditEntry.head, 1 << 60, peers[1].key)
        reply.actionsThrough = 1 << 61
        reply.objectives = PolicyObjectives([name: .seconds(93_600)])
        reply.coverage = PolicyCoverage([name: [agentRecord.id], PolicyName(rawValue: "idle"): []])
        return reply
    }()

    static let place = CollectorPlace(
        key: peers[2].key, intake: "tcp://c.example.org:7510", feed: "tcp://c.example.org:7511",
        query: "tcp://c.example.org:7512")
    static let enrolled = EnrolledPeer(
        identity: peers[0].identity, role: .viewer, labels: ["site": "north"],
        places: FleetPlaces(
            sync: "tcp://c.example.org:7500", broadcast: "tcp://c.example.org:7501", coordinatorKey: peers[1].key,
            collectors: [place]))

    static let tickets = PeerRole.allCases.map {
        EnrollmentTicket(
            endpoint: "tcp://bookend.example.org:7503", serverKey: peers[1].key, token: token.id,
            secret: [UInt8](0..<32), peerRole: $0)
    }

    static let alertFilter: AlertFilter = {
        var filter = AlertFilter()
        (filter.activeOnly, filter.kind, filter.policy, filter.limit) = (false, .missed, name, 7)
        return filter
    }()
    static let silence = AlertSilence(
        id: 4, kind: .agentOffline, policy: "db-*", agent: "web-?", labels: ["site": "north"], until: time,
        by: "operator/alice", reason: "moved")
    static let alert: Alert = {
        let subjects = [
            AlertSubject(agent: agent, job: job, status: .failed, reason: "disk full", raisedAt: time),
            AlertSubject(
                agent: AgentID(rawValue: "db-1"), job: nil, status: nil, reason: "", raisedAt: time, mendedAt: time,
                isTold: true, times: 3),
        ]
        var alert = Alert(
            id: 7, cause: AlertCause(.backupFailed, name), raisedAt: time, resolvedAt: time, toldAt: time,
            lastToldAt: time, notices: 3, reminders: 1,
            acknowledgement: Alert.Acknowledgement(by: "operator/alice", at: time, note: "disk ordered"),
            subjects: Dictionary(uniqueKeysWithValues: subjects.map { (AlertSubject.Key(agent: $0.agent), $0) }))
        alert.resolution = Alert.Acknowledgement(by: "operator/bob", at: time, note: "the server is gone")
        return alert
    }()
    static let notice = AlertNotice(
        occasion: .grown, alert: alert, news: [AlertSubject.Key(agent: agent)], at: time)
    static let channel: ChannelState = {
        var state = ChannelState(
            name: "ops", kind: "mail", waiting: 3, oldestAt: time, deliveredAt: time, problem: "it answered 500",
            failingSince: time)
        (state.undeliverable, state.refusal) = (2, "550 nobody")
        return state
    }()
    static let messageRecord = MessageRecord(
        id: 9, channel: "ops", title: "backup failed", createdAt: time, tries: 3, refusal: "550 nobody")
    static let digest: AlertDigest = {
        var digest = AlertDigest()
        digest.add(notice)
        digest.addReport(at: time)
        return digest
    }()
    static let letter = ReportLetter(title: "Backups", lines: ["all well", ""], at: time)
    static let start = ScheduledStart(
        policy: name, start: time, zone: .named("Asia/Kathmandu"), offset: 20_700, splay: .seconds(60),
        windowEnd: time + .seconds(90), agents: 7,
        firstAgents: [
            .init(agent: agent, start: time, job: job, held: "maintenance"),
            .init(agent: agent, start: time, job: nil),
        ], held: "paused")

    /// Of a coordinator that is to have another key.
    static let rotating: [Envelope] = {
        var hello = Hello(
            incarnation: 1, version: "0.1.0", labels: [:], generation: 2, activeJobs: [], highestJob: job, wall: time)
        hello.serverKey = peers[1].key
        var heartbeat = Heartbeat(generation: 5, activeJobs: [], outboxDepth: 3, wall: time)
        heartbeat.serverKey = peers[1].key
        heartbeat.journalProblem = "the disk is full"
        heartbeat.scripts = [name: survey, PolicyName(rawValue: "bare"): ScriptSurvey(revision: 1, at: time)]
        var snapshot = SyncSnapshot(generation: 5, policies: [], triggers: [], cancels: [], wall: time)
        snapshot.nextKey = peers[1].key
        var reply = HeartbeatReply(generation: 5, wall: time)
        reply.nextKey = peers[1].key
        var beacon = IntakeBeacon(activeJobs: [], wall: time)
        beacon.serverKey = peers[1].key
        return [
            .hello(hello), .heartbeat(heartbeat), .syncSnapshot(snapshot), .heartbeatReply(reply),
            .intake(.beacon(beacon)), .beaconReply(BeaconReply(nextKey: peers[1].key)),
            .beaconReply(BeaconReply(nextKey: nil)),
        ]
    }()

    static let envelopes = rotating + usual

    private static let usual: [Envelope] =
        [
            .policyChange(PolicyChange(generation: 5, name: name, revision: restic)),
            .policyChange(PolicyChange(generation: 5, name: name, revision: nil)),
            .trigger(trigger), .cancel(job),
            .hello(
                Hello(
                    incarnation: 1, version: "0.1.0", labels: ["a": "b"], generation: 2, activeJobs: [activeJob],
                    highestJob: job, wall: time, instance: .max, coordinatorEpoch: 7, knownJobs: [KnownJob(trigger)],
                    knowsSince: time, timeZone: "Europe/Berlin")),
            .syncSnapshot(
                SyncSnapshot(
                    generation: 5, policies: [restic, command], triggers: [trigger], cancels: [job], wall: time,
                    slots: [trigger], slotsVersion: 8, epoch: .max)),
            .slotChange(SlotChange(previous: 8, version: 9, slots: [trigger], withdrawn: [job])),
            .triggerConflict(job), .helloLater(.milliseconds(1_500)),
            .heartbeat(
                Heartbeat(
                    generation: 5, activeJobs: [activeJob], outboxDepth: 3, wall: time, instance: 6,
                    goodBackups: [name: .at(time), PolicyName(rawValue: "new"): .never])),
            .heartbeatReply(HeartbeatReply(generation: 5, wall: time, slotsVersion: 9)), .triggerAck(job),
            .cancelAck(job),
            .askCall(.credit(id: 1, chunks: 8)), .askCall(.close(id: 1)), .askReply(.end(id: 1, nil)),
            .askReply(.end(id: 1, failure)),
            .rosterRequest(rosterRequest), .rosterReply(rosterReply),
            .enrollRequest(EnrollRequest(token: token.id, secret: [UInt8](0..<32), name: "web-1")),
            .enrollRequest(EnrollRequest(token: token.id, secret: [UInt8](0..<32), name: nil)),
            .enrollReply(.pending(askAgainAfter: .seconds(2))), .enrollReply(.admitted(enrolled)),
            .enrollReply(.failed(failure)),
            .intake(.resume(IntakeResume(incarnation: 9, acknowledged: 5, epoch: 44))),
            .intake(.batch(IntakeBatch(incarnation: 9, after: ReportDigest(rawValue: .max), reports: [report]))),
            .intake(.beacon(IntakeBeacon(activeJobs: [activeJob], wall: time))),
            .intakeAck(IntakeAck(incarnation: 9, through: 0)),
            .intakeAck(
                IntakeAck(
                    incarnation: .max, through: 7, digest: ReportDigest(rawValue: 0), epoch: 44, mustResume: true)),
            .feedEntry(FeedEntry(cursor: Cursor(rawValue: "c1"), report: report)),
            .feedEntry(FeedEntry(cursor: Cursor(rawValue: "c2"), body: .inference(inference))), .progress(progress),
            .feedEntry(FeedEntry(cursor: Cursor(rawValue: "c3"), body: .alert(AlertEvent(notice)))),
        ]
        + asks.map { .askCall(.open(id: 1, request: $0, credit: 16)) }
        + answers.map { .askReply(.chunk(id: 1, $0)) }
        + ([
            .jobs(filter), .job(job), .fleet, .feed(from: Cursor(rawValue: "c"), limit: 10), .feed(from: nil, limit: 1),
            .feedHead, .auditAnchors(after: 5, limit: 9), .alerts(alertFilter), .alerts(AlertFilter()), .alert(7),
            .acknowledgeAlert(7, note: "disk ordered"), .resolveAlert(7, reason: "the server is gone"), .silences,
            .silenceAlerts(silence), .endSilence(4), .testChannels("ops"), .testChannels(nil), .serverKey(.show),
            .serverKey(.use(isForced: true)),
            .messages(channel: "ops"), .messages(channel: nil),
            .backupAges(since: time),
            .resendMessages(.ids([4, 5])), .resendMessages(.undeliverable(channel: "ops")),
            .discardMessages(.ids([6])), .discardMessages(.undeliverable(channel: "ops")),
        ]
        as [Query]).map { .query(request: 3, $0) }
        + ([
            .jobs([aggregate]), .fleet(fleet),
            .feed([FeedEntry(cursor: Cursor(rawValue: "c"), report: report)], head: Cursor(rawValue: "h")),
            .auditAnchors([AuditAnchor(head: auditEntry.head, seenAt: time)], isComplete: true), .failed(failure),
            .alerts([AlertRecord(alert: alert, hit: 9, open: 4)]), .silences([silence]), .channels([channel]),
            .serverKey(ServerKeyState(key: peers[0].key, next: peers[1].key, revokedTokens: 3)),
            .messages([messageRecord], total: 12),
            .backupAges([
                BackupAge(agent: agent, policy: name, goodAt: time, firstAt: time, objective: .seconds(93_600)),
                BackupAge(agent: agent, policy: name, goodAt: nil, firstAt: time),
            ]),
        ] as [QueryReply]).map { .queryReply(request: 3, $0) }
        + ([
            .applyPolicies([restic.policy, command.policy], dryRun: true), .listPolicies,
            .showPolicy(name, revision: 2),
            .showPolicy(name, revision: nil), .deletePolicy(name),
            .backup(
                BackupOrder(
                    policy: name, narrowing: Selector(patterns: ["*"]), queueFor: .seconds(7_200), asScheduled: true,
                    validUntil: time)),
            .rehearse(
                RehearsalOrder(policy: name, agent: agent, fault: StagedFault(.expire, after: .zero), validUntil: time)),
            .rehearse(RehearsalOrder(policy: name, agent: agent)),
            .cancel(job), .listAgents, .listSlots(name, agent, limit: 3), .listSlots(nil, nil, limit: 1),
            .listStarts(StartFilter(policy: name, agent: agent, after: time, limit: 1_000)),
            .listStarts(StartFilter(limit: 1)),
            .readDrift(DriftFilter(policy: name, agent: agent, includesHealthy: true)), .readDrift(DriftFilter()),
            .makeHold(HoldDraft(target: hold.target, reason: "because", until: time)),
            .releaseHold(.policy(name)), .listHolds,
            .ask(agent, asks[0]), .askCredit(chunks: 4), .askClose, .listPeers(nil), .listPeers(.agent),
            .labelPeer(peers[0].identity, set: ["rack": "7"], remove: ["room"]),
            .renamePeer(peers[0].identity, to: "web-2"), .revokePeer(peers[1].identity),
            .approvePeer(peers[2].identity), .createToken(token.allows), .createToken(TokenDraft(peerRole: .agent)),
            .listTokens, .revokeToken(token.id), .rotateKey(agent), .rotateOwnKey(peers[0].key), .serverKey(.show),
            .serverKey(.prepare), .serverKey(.use(isForced: true)), .serverKey(.use(isForced: false)),
            .readAudit(auditFilter), .readAudit(AuditFilter()),
        ] as [ControlRequest]).map { .control(request: 4, $0) }
        + ([
            .applied([PolicyOutcome(name: name, revision: 1, change: .changed, agents: [agent])]), .policies([restic]),
            .triggered([record]), .canceled(record), .agents([agentRecord]), .answer(answers[0]), .done,
            .failed(failure), .peers(peers), .revoked(Revocation(peers: peers, uninformed: [peers[2].identity])),
            .rotated(
                KeyRotation(
                    identity: peers[0].identity, key: peers[0].key, isInUse: true, uninformed: [peers[2].identity])),
            .peers([
                Peer(identity: peers[0].identity, key: peers[0].key, origin: .rotation(of: peers[1].key))
            ]),
            .audit([auditEntry]), .tokens([token]), .tokenMade(token, text: "bookend1-…"),
            .serverKey(ServerKeyState(key: peers[0].key)),
            .serverKey(
                ServerKeyState(
                    key: peers[0].key, next: peers[1].key, informed: 3, uninformed: [peers[2].identity], isInUse: true)),
            .starts(UpcomingStarts(starts: [start], isComplete: true)), .holds([hold]), .drift(drift),
        ] as [ControlReply]).map { .controlReply(request: 4, $0) }
}
