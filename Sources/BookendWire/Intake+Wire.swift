import BookendModel

extension ProtoIntakeResume {
    init(_ resume: IntakeResume) {
        self.init()
        incarnation = resume.incarnation
        acknowledged = resume.acknowledged
        epoch = resume.epoch
    }
}

extension IntakeResume {
    init(_ proto: ProtoIntakeResume) {
        self.init(incarnation: proto.incarnation, acknowledged: proto.acknowledged, epoch: proto.epoch)
    }
}

extension ProtoIntakeBatch {
    init(_ batch: IntakeBatch) {
        self.init()
        incarnation = batch.incarnation
        after = batch.after.rawValue
        reports = batch.reports.map(ProtoReport.init)
    }
}

extension IntakeBatch {
    init(_ proto: ProtoIntakeBatch) throws(WireError) {
        let reports = try proto.reports.bounded(1_000, "batch.reports").map { report throws(WireError) in
            try Report(report)
        }
        self.init(
            incarnation: proto.incarnation, after: ReportDigest(rawValue: proto.after), reports: reports)
    }
}

extension ProtoIntakeAck {
    init(_ ack: IntakeAck) {
        self.init()
        incarnation = ack.incarnation
        through = ack.through
        if let value = ack.digest { digest = value.rawValue }
        epoch = ack.epoch
        mustResume = ack.mustResume
    }
}

extension IntakeAck {
    init(_ proto: ProtoIntakeAck) {
        self.init(
            incarnation: proto.incarnation, through: proto.through,
            digest: proto.hasDigest ? ReportDigest(rawValue: proto.digest) : nil, epoch: proto.epoch,
            mustResume: proto.mustResume)
    }
}

extension ProtoIntakeBeacon {
    init(_ beacon: IntakeBeacon) {
        self.init()
        activeJobs = beacon.activeJobs.map(ProtoActiveJob.init)
        wallUnixMs = beacon.wall.milliseconds
        if let key = beacon.serverKey { serverKey = key.text }
    }
}

extension IntakeBeacon {
    init(_ proto: ProtoIntakeBeacon) throws(WireError) {
        let jobs = try proto.activeJobs.bounded(IntakeBeacon.jobLimit, "beacon.active_jobs").map {
            job throws(WireError) in
            try ActiveJob(job)
        }
        self.init(activeJobs: jobs, wall: UnixTime(milliseconds: proto.wallUnixMs))
        serverKey = try PublicKey(wire: proto.serverKey, isThere: proto.hasServerKey, "beacon.server_key")
    }
}

extension ProtoProgress {
    init(_ progress: Progress) {
        self.init()
        jobID = progress.job.rawValue
        agent = progress.agent.rawValue
        policy = progress.policy.rawValue
        attempt = Int32(clamping: progress.attempt)
        stage = ProtoStage(progress.stage)
        if let value = progress.fraction { fraction = value }
        doneBytes = progress.bytesDone
        totalBytes = progress.bytesTotal
        filesDone = progress.filesDone
        filesTotal = progress.filesTotal
        atUnixMs = progress.at.milliseconds
    }
}

extension Progress {
    init(_ proto: ProtoProgress) throws(WireError) {
        let fraction: Double? = proto.hasFraction && proto.fraction.isFinite ? min(1, max(0, proto.fraction)) : nil
        self.init(
            job: try JobID(wire: proto.jobID), agent: try AgentID(wire: proto.agent, "progress.agent"),
            policy: try PolicyName(wire: proto.policy, "progress.policy"),
            attempt: try proto.attempt.within(0...10_000, "progress.attempt"), stage: try Stage(proto.stage),
            fraction: fraction, bytesDone: proto.doneBytes, bytesTotal: proto.totalBytes, filesDone: proto.filesDone,
            filesTotal: proto.filesTotal, at: UnixTime(milliseconds: proto.atUnixMs))
    }
}

extension ProtoInference {
    init(_ inference: Inference) {
        self.init()
        agent = inference.agent.rawValue
        jobID = inference.trigger.job.rawValue
        policy = inference.trigger.policy.rawValue
        revision = inference.trigger.revision
        cause = ProtoCause(inference.trigger.cause)
        scheduledStartUnixMs = inference.trigger.scheduledStart.milliseconds
        status = inference.status.rawValue
        atUnixMs = inference.at.milliseconds
        reason = inference.reason
    }
}

extension Inference {
    init(_ proto: ProtoInference) throws(WireError) {
        self.init(
            trigger: ReportedTrigger(
                job: try JobID(wire: proto.jobID), policy: try PolicyName(wire: proto.policy, "inference.policy"),
                revision: proto.revision, cause: try TriggerCause(proto.cause),
                scheduledStart: UnixTime(milliseconds: proto.scheduledStartUnixMs)),
            agent: try AgentID(wire: proto.agent, "inference.agent"), status: Status(rawValue: proto.status),
            at: UnixTime(milliseconds: proto.atUnixMs), reason: try proto.reason.bounded(4_096, "inference.reason"))
    }
}

extension ProtoFeedEntry {
    init(_ entry: FeedEntry) {
        self.init()
        cursor = entry.cursor.rawValue
        switch entry.body {
        case .report(let report): body = .report(ProtoReport(report))
        case .inference(let inference): body = .inference(ProtoInference(inference))
        case .alert(let event): body = .alert(ProtoAlertEvent(event))
        }
    }
}

extension FeedEntry {
    init(_ proto: ProtoFeedEntry) throws(WireError) {
        let body: Body
        switch try required(proto.body, "feed_entry.body") {
        case .report(let report): body = .report(try Report(report))
        case .inference(let inference): body = .inference(try Inference(inference))
        case .alert(let event): body = .alert(try AlertEvent(event))
        }
        self.init(cursor: Cursor(rawValue: try proto.cursor.bounded(256, "cursor")), body: body)
    }
}
