import BookendModel

extension ProtoActiveJob {
    init(_ job: ActiveJob) {
        self.init()
        jobID = job.job.rawValue
        policy = job.policy.rawValue
        attempt = Int32(clamping: job.attempt)
        stage = ProtoStage(job.stage)
    }
}

extension ActiveJob {
    init(_ proto: ProtoActiveJob) throws(WireError) {
        self.init(
            job: try JobID(wire: proto.jobID), policy: try PolicyName(wire: proto.policy, "active_job.policy"),
            attempt: try proto.attempt.within(0...10_000, "active_job.attempt"), stage: try Stage.optional(proto.stage))
    }

    static func list(_ protos: [ProtoActiveJob]) throws(WireError) -> [ActiveJob] {
        try protos.bounded(10_000, "active_jobs").map { proto throws(WireError) in try ActiveJob(proto) }
    }
}

extension ProtoPolicyChange {
    init(_ change: PolicyChange) {
        self.init()
        generation = change.generation
        name = change.name.rawValue
        if let value = change.revision { revision = ProtoPolicyRevision(value) }
    }
}

extension PolicyChange {
    init(_ proto: ProtoPolicyChange) throws(WireError) {
        self.init(
            generation: proto.generation, name: try PolicyName(wire: proto.name, "policy_change.name"),
            revision: proto.hasRevision ? try PolicyRevision(proto.revision) : nil)
    }
}

extension ProtoHello {
    init(_ hello: Hello) {
        self.init()
        incarnation = hello.incarnation
        version = hello.version
        labels = hello.labels
        generation = hello.generation
        activeJobs = hello.activeJobs.map(ProtoActiveJob.init)
        highestJobID = hello.highestJob.rawValue
        wallUnixMs = hello.wall.milliseconds
        instance = hello.instance
        coordinatorEpoch = hello.coordinatorEpoch
        knownJobs = hello.knownJobs.map { known in
            var proto = ProtoKnownJob()
            proto.jobID = known.job.rawValue
            proto.fingerprint = known.fingerprint
            return proto
        }
        timeZone = hello.timeZone
        if let key = hello.serverKey { serverKey = key.text }
        if let time = hello.knowsSince { knowsSinceUnixMs = time.milliseconds }
    }
}

extension Hello {
    init(_ proto: ProtoHello) throws(WireError) {
        self.init(
            incarnation: proto.incarnation, version: try proto.version.bounded(64, "hello.version"),
            labels: try proto.labels.checkedAsLabels("hello.labels"), generation: proto.generation,
            activeJobs: try ActiveJob.list(proto.activeJobs), highestJob: JobID(rawValue: max(0, proto.highestJobID)),
            wall: UnixTime(milliseconds: proto.wallUnixMs), instance: proto.instance,
            coordinatorEpoch: proto.coordinatorEpoch,
            knownJobs: try proto.knownJobs.bounded(Hello.knownJobLimit, "hello.known_jobs").map {
                known throws(WireError) in
                KnownJob(job: try JobID(wire: known.jobID, "known_job.job_id"), fingerprint: known.fingerprint)
            },
            knowsSince: proto.hasKnowsSinceUnixMs ? UnixTime(milliseconds: proto.knowsSinceUnixMs) : nil,
            timeZone: try proto.timeZone.bounded(64, "hello.time_zone"))
        serverKey = try PublicKey(wire: proto.serverKey, isThere: proto.hasServerKey, "hello.server_key")
    }
}

extension ProtoSyncSnapshot {
    init(_ snapshot: SyncSnapshot) {
        self.init()
        generation = snapshot.generation
        policies = snapshot.policies.map(ProtoPolicyRevision.init)
        triggers = snapshot.triggers.map(ProtoTrigger.init)
        canceledJobIds = snapshot.cancels.map(\.rawValue)
        wallUnixMs = snapshot.wall.milliseconds
        slots = snapshot.slots.filter { !$0.isHeld }.map(ProtoTrigger.init)
        held = snapshot.slots.filter(\.isHeld).map(ProtoTrigger.init)
        slotsVersion = snapshot.slotsVersion
        epoch = snapshot.epoch
        if let key = snapshot.nextKey { nextKey = key.text }
    }
}

extension SyncSnapshot {
    init(_ proto: ProtoSyncSnapshot) throws(WireError) {
        self.init(
            generation: proto.generation,
            policies: try proto.policies.map { policy throws(WireError) in try PolicyRevision(policy) },
            triggers: try proto.triggers.map { trigger throws(WireError) in try Trigger(trigger) },
            cancels: try proto.canceledJobIds.map { job throws(WireError) in try JobID(wire: job) },
            wall: UnixTime(milliseconds: proto.wallUnixMs),
            slots: try proto.slots.map { slot throws(WireError) in try Trigger(slot) }
                + proto.held.map { slot throws(WireError) in try Trigger(held: slot) },
            slotsVersion: proto.slotsVersion, epoch: proto.epoch)
        nextKey = try PublicKey(wire: proto.nextKey, isThere: proto.hasNextKey, "snapshot.next_key")
    }
}

extension ProtoSlotChange {
    init(_ change: SlotChange) {
        self.init()
        previous = change.previous
        version = change.version
        slots = change.slots.filter { !$0.isHeld }.map(ProtoTrigger.init)
        held = change.slots.filter(\.isHeld).map(ProtoTrigger.init)
        // An agent that does not know of held slots must not begin them by itself.
        withdrawnJobIds = change.withdrawn.map(\.rawValue) + held.map(\.jobID)
    }
}

extension SlotChange {
    init(_ proto: ProtoSlotChange) throws(WireError) {
        let held = try proto.held.map { slot throws(WireError) in try Trigger(held: slot) }
        let isHeld = Set(held.map(\.job))
        self.init(
            previous: proto.previous, version: proto.version,
            slots: try proto.slots.map { slot throws(WireError) in try Trigger(slot) } + held,
            withdrawn: try proto.withdrawnJobIds.map { job throws(WireError) in try JobID(wire: job) }
                .filter { !isHeld.contains($0) })
    }
}

extension Trigger {
    fileprivate init(held proto: ProtoTrigger) throws(WireError) {
        self = try Trigger(proto)
        isHeld = true
    }
}

extension ProtoHeartbeat {
    init(_ heartbeat: Heartbeat) {
        self.init()
        generation = heartbeat.generation
        activeJobs = heartbeat.activeJobs.map(ProtoActiveJob.init)
        outboxDepth = heartbeat.outboxDepth
        openDebts = heartbeat.openDebts
        wallUnixMs = heartbeat.wall.milliseconds
        instance = heartbeat.instance
        journalProblem = heartbeat.journalProblem
        if let key = heartbeat.serverKey { serverKey = key.text }
        goodBackups = heartbeat.goodBackups.sorted { $0.key < $1.key }.map { name, last in
            var proto = ProtoGoodBackup()
            proto.policy = name.rawValue
            if let time = last.time { proto.atUnixMs = time.milliseconds }
            return proto
        }
        if let surveys = heartbeat.scripts {
            scripts.surveys = surveys.sorted { $0.key < $1.key }.map { ProtoScriptSurvey($0, $1) }
        }
    }
}

extension Heartbeat {
    init(_ proto: ProtoHeartbeat) throws(WireError) {
        self.init(
            generation: proto.generation, activeJobs: try ActiveJob.list(proto.activeJobs),
            outboxDepth: proto.outboxDepth, openDebts: proto.openDebts, wall: UnixTime(milliseconds: proto.wallUnixMs),
            instance: proto.instance)
        serverKey = try PublicKey(wire: proto.serverKey, isThere: proto.hasServerKey, "heartbeat.server_key")
        journalProblem = try proto.journalProblem.bounded(Self.journalProblemLimit, "heartbeat.journal_problem")
        for proto in try proto.goodBackups.bounded(10_000, "good_backups") {
            goodBackups[try PolicyName(wire: proto.policy, "good_backup.policy")] =
                proto.hasAtUnixMs ? .at(UnixTime(milliseconds: proto.atUnixMs)) : .never
        }
        guard proto.hasScripts else { return }
        var surveys: [PolicyName: ScriptSurvey] = [:]
        for survey in try proto.scripts.surveys.bounded(10_000, "scripts") {
            surveys[try PolicyName(wire: survey.policy, "script_survey.policy")] = try ScriptSurvey(survey)
        }
        scripts = surveys
    }
}

extension ProtoJobReference {
    init(_ job: JobID) {
        self.init()
        jobID = job.rawValue
    }
}
