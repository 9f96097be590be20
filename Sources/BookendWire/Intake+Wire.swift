import BookendModel

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

extension ProtoFeedEntry {
    init(_ entry: FeedEntry) {
        self.init()
        cursor = entry.cursor.rawValue
        report = ProtoReport(entry.report)
    }
}

extension FeedEntry {
    init(_ proto: ProtoFeedEntry) throws(WireError) {
        self.init(
            cursor: Cursor(rawValue: try proto.cursor.bounded(256, "cursor")), report: try Report(proto.report))
    }
}
