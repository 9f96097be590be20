import BookendModel

extension ProtoStage {
    init(_ stage: Stage?) {
        switch stage {
        case nil: self = .unspecified
        case .preScript: self = .preScript
        case .backup: self = .backup
        case .postScript: self = .postScript
        }
    }
}

extension Stage {
    /// `nil` for the job itself.
    static func optional(_ proto: ProtoStage) throws(WireError) -> Stage? {
        switch proto {
        case .unspecified: nil
        case .preScript: .preScript
        case .backup: .backup
        case .postScript: .postScript
        case .UNRECOGNIZED(let number): throw WireError(.invalid, "stage: unknown value \(number)")
        }
    }

    init(_ proto: ProtoStage) throws(WireError) {
        self = try required(try Stage.optional(proto), "stage")
    }
}

extension ProtoPipelineRules {
    init(_ rules: PipelineRules) {
        self.init()
        scriptsEnabled = rules.scriptsEnabled
        skipBackupIfPreFails = rules.skipBackupIfPreFails
        skipBackupIfPreMissing = rules.skipBackupIfPreMissing
        maxAttempts = Int32(clamping: rules.maxAttempts)
        retryIntervalMs = rules.retry.interval.milliseconds
        retryRules = ProtoRetryRules(rules.retry)
        preLeftProcesses = ProtoLeftProcesses(rules.preLeftProcesses)
        postLeftProcesses = ProtoLeftProcesses(rules.postLeftProcesses)
        ignoreWindowForFirstBackup = rules.ignoreWindowForFirstBackup
    }
}

extension PipelineRules {
    init(_ proto: ProtoPipelineRules) throws(WireError) {
        self.init(
            scriptsEnabled: proto.scriptsEnabled, skipBackupIfPreFails: proto.skipBackupIfPreFails,
            skipBackupIfPreMissing: proto.skipBackupIfPreMissing,
            retry: try RetryPlan(
                proto.retryRules, attempts: try proto.maxAttempts.within(1...10_000, "rules.max_attempts"),
                interval: .milliseconds(proto.retryIntervalMs)),
            preLeftProcesses: try ScriptPlan.LeftProcesses(proto.preLeftProcesses, "rules.pre_left_processes"),
            postLeftProcesses: try ScriptPlan.LeftProcesses(proto.postLeftProcesses, "rules.post_left_processes"),
            ignoreWindowForFirstBackup: proto.ignoreWindowForFirstBackup)
    }
}

extension ProtoDetails {
    init(_ details: ReportDetails) {
        self.init()
        reason = details.reason
        if let value = details.exitCode { exitCode = value }
        if let value = details.signal { signal = value }
        if let value = details.duration { durationMs = value.milliseconds }
        if let value = details.snapshotID { snapshotID = value }
        if let value = details.bytesAdded { bytesAdded = value }
        if let value = details.bytesProcessed { bytesProcessed = value }
        if let value = details.filesProcessed { filesProcessed = value }
        errors = details.errors
        leftProcesses = details.leftProcesses
        if let value = details.nextAttemptAt { nextAttemptUnixMs = value.milliseconds }
        alerts = details.alerts.map(\.rawValue)
        events = details.events.map { record in
            var proto = ProtoPipelineEvent()
            proto.atUnixMs = record.at.milliseconds
            proto.attempt = Int32(clamping: record.attempt)
            proto.event = record.event
            proto.consequence = record.consequence
            return proto
        }
        if let value = details.rules { rules = ProtoPipelineRules(value) }
    }
}

extension ReportDetails {
    init(_ proto: ProtoDetails) throws(WireError) {
        self.init()
        reason = try proto.reason.bounded(4_096, "details.reason")
        exitCode = proto.hasExitCode ? proto.exitCode : nil
        signal = proto.hasSignal ? proto.signal : nil
        duration = proto.hasDurationMs ? .milliseconds(proto.durationMs) : nil
        snapshotID = proto.hasSnapshotID ? try proto.snapshotID.bounded(128, "details.snapshot_id") : nil
        bytesAdded = proto.hasBytesAdded ? proto.bytesAdded : nil
        bytesProcessed = proto.hasBytesProcessed ? proto.bytesProcessed : nil
        filesProcessed = proto.hasFilesProcessed ? proto.filesProcessed : nil
        errors = try proto.errors.bounded(32, "details.errors").map { text throws(WireError) in
            try text.bounded(1_024, "details.errors")
        }
        leftProcesses = try proto.leftProcesses.bounded(32, "details.left_processes").map { text throws(WireError) in
            try text.bounded(1_024, "details.left_processes")
        }
        nextAttemptAt = proto.hasNextAttemptUnixMs ? UnixTime(milliseconds: proto.nextAttemptUnixMs) : nil
        // An alert that this version does not know must not cost the report.
        alerts = try proto.alerts.bounded(16, "details.alerts").compactMap(AlertKind.init)
        events = try proto.events.bounded(10_000, "details.events").map { event throws(WireError) in
            PipelineEventRecord(
                at: UnixTime(milliseconds: event.atUnixMs), attempt: Int(event.attempt),
                event: try event.event.bounded(256, "event"),
                consequence: try event.consequence.bounded(4_096, "event.consequence"))
        }
        rules = proto.hasRules ? try PipelineRules(proto.rules) : nil
    }
}

extension ProtoReport {
    init(_ report: Report) {
        self.init()
        agent = report.origin.agent.rawValue
        incarnation = report.origin.incarnation
        sequence = report.origin.sequence
        jobID = report.trigger.job.rawValue
        policy = report.trigger.policy.rawValue
        revision = report.trigger.revision
        cause = ProtoCause(report.trigger.cause)
        scheduledStartUnixMs = report.trigger.scheduledStart.milliseconds
        attempt = Int32(clamping: report.attempt)
        stage = ProtoStage(report.stage)
        status = report.status.rawValue
        atUnixMs = report.at.milliseconds
        details = ProtoDetails(report.details)
    }
}

extension Report {
    init(_ proto: ProtoReport) throws(WireError) {
        guard proto.sequence > 0 else { throw WireError(.invalid, "report.sequence: 0") }
        self.init(
            origin: ReportOrigin(
                agent: try AgentID(wire: proto.agent, "report.agent"), incarnation: proto.incarnation,
                sequence: proto.sequence),
            trigger: ReportedTrigger(
                job: try JobID(wire: proto.jobID), policy: try PolicyName(wire: proto.policy, "report.policy"),
                revision: proto.revision, cause: try TriggerCause(proto.cause),
                scheduledStart: UnixTime(milliseconds: proto.scheduledStartUnixMs)),
            attempt: try proto.attempt.within(0...10_000, "report.attempt"),
            stage: try Stage.optional(proto.stage), status: Status(rawValue: proto.status),
            at: UnixTime(milliseconds: proto.atUnixMs), details: try ReportDetails(proto.details))
    }
}
