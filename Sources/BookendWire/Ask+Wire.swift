import BookendModel
import FoundationEssentials

extension ProtoFailure {
    init(_ failure: RemoteFailure) {
        self.init()
        code = failure.code.rawValue
        message = failure.message
    }
}

extension RemoteFailure {
    init(_ proto: ProtoFailure) throws(WireError) {
        // A code that this version does not know is a failure all the same.
        self.init(Code(rawValue: proto.code) ?? .failed, try proto.message.bounded(16_384, "failure.message"))
    }
}

extension ProtoAskRequest {
    init(_ ask: AskRequest) {
        self.init()
        switch ask {
        case .logs(let job, let attempt, let stage, let follow):
            var logs = Logs()
            logs.jobID = job.rawValue
            if let attempt { logs.attempt = Int32(clamping: attempt) }
            logs.stage = ProtoStage(stage)
            logs.follow = follow
            request = .logs(logs)
        case .snapshots(let repository, let policy):
            var snapshots = Snapshots()
            snapshots.repository = repository.rawValue
            if let policy { snapshots.policy = policy.rawValue }
            request = .snapshots(snapshots)
        case .restore(let repository, let snapshot, let target, let include):
            var restore = Restore()
            restore.repository = repository.rawValue
            restore.snapshot = snapshot
            restore.target = target
            restore.include = include
            request = .restore(restore)
        case .debts: request = .debts(Debts())
        case .payDebts(let job, let attempt):
            var pay = PayDebts()
            pay.jobID = job.rawValue
            if let attempt { pay.attempt = Int32(clamping: attempt) }
            request = .payDebts(pay)
        case .forgiveDebts(let job, let attempt, let by, let reason):
            var forgive = ForgiveDebts()
            forgive.jobID = job.rawValue
            if let attempt { forgive.attempt = Int32(clamping: attempt) }
            forgive.by = by
            forgive.reason = reason
            request = .forgiveDebts(forgive)
        case .makeKey: request = .makeKey(MakeKey())
        case .useKey(let key): request = .useKey(key.text)
        }
    }
}

extension AskRequest {
    init(_ proto: ProtoAskRequest) throws(WireError) {
        switch try required(proto.request, "ask.request") {
        case .logs(let logs):
            self = .logs(
                job: try JobID(wire: logs.jobID),
                attempt: logs.hasAttempt ? try logs.attempt.within(1...10_000, "logs.attempt") : nil,
                stage: try Stage.optional(logs.stage), follow: logs.follow)
        case .snapshots(let snapshots):
            self = .snapshots(
                repository: try RepositoryName(wire: snapshots.repository, "snapshots.repository"),
                policy: snapshots.hasPolicy ? try PolicyName(wire: snapshots.policy, "snapshots.policy") : nil)
        case .restore(let restore):
            self = .restore(
                repository: try RepositoryName(wire: restore.repository, "restore.repository"),
                snapshot: try restore.snapshot.bounded(SnapshotSummary.longestID, "restore.snapshot"),
                target: try restore.target.bounded(4_096, "restore.target"),
                include: try restore.include.bounded(1_000, "restore.include").map { path throws(WireError) in
                    try path.bounded(4_096, "restore.include")
                })
        case .debts: self = .debts
        case .payDebts(let pay):
            self = .payDebts(
                job: try JobID(wire: pay.jobID),
                attempt: pay.hasAttempt ? try pay.attempt.within(1...10_000, "pay_debts.attempt") : nil)
        case .forgiveDebts(let forgive):
            self = .forgiveDebts(
                job: try JobID(wire: forgive.jobID),
                attempt: forgive.hasAttempt ? try forgive.attempt.within(1...10_000, "forgive_debts.attempt") : nil,
                by: try forgive.by.bounded(256, "forgive_debts.by"),
                reason: try forgive.reason.bounded(1_000, "forgive_debts.reason"))
        case .makeKey: self = .makeKey
        case .useKey(let text): self = .useKey(try PublicKey(wire: text, "use_key"))
        }
    }
}

extension ProtoAskAnswer {
    init(_ value: AskAnswer) {
        self.init()
        switch value {
        case .log(let chunk):
            var log = Log()
            log.attempt = Int32(clamping: chunk.attempt)
            log.stage = ProtoStage(chunk.stage)
            log.isStandardError = chunk.stream == .standardError
            log.data = Data(chunk.data)
            answer = .log(log)
        case .snapshots(let list):
            var snapshots = Snapshots()
            snapshots.snapshots = list.map { summary in
                var proto = ProtoSnapshotSummary()
                proto.id = summary.id
                proto.atUnixMs = summary.at.milliseconds
                proto.paths = summary.paths
                proto.tags = summary.tags
                proto.host = summary.host
                return proto
            }
            answer = .snapshots(snapshots)
        case .restored(let summary):
            var restored = Restored()
            restored.status = summary.status.rawValue
            restored.reason = summary.reason
            restored.files = summary.files
            restored.sizeBytes = summary.bytes
            answer = .restored(restored)
        case .debts(let list):
            var debts = Debts()
            debts.debts = list.map { debt in
                var proto = Debt()
                proto.jobID = debt.job.rawValue
                proto.attempt = Int32(clamping: debt.attempt)
                proto.policy = debt.policy.rawValue
                proto.scheduledStartUnixMs = debt.scheduledStart.milliseconds
                proto.reason = debt.reason
                return proto
            }
            answer = .debts(debts)
        case .settled(let list):
            var settled = Settled()
            settled.settlements = list.map { settlement in
                var proto = Settlement()
                proto.attempt = Int32(clamping: settlement.attempt)
                proto.status = settlement.status.rawValue
                proto.reason = settlement.reason
                proto.isSettled = settlement.isSettled
                return proto
            }
            answer = .settled(settled)
        case .key(let key): answer = .publicKey(key.text)
        }
    }
}

extension AskAnswer {
    init(_ proto: ProtoAskAnswer) throws(WireError) {
        switch try required(proto.answer, "ask.answer") {
        case .log(let log):
            self = .log(
                LogChunk(
                    attempt: try log.attempt.within(0...10_000, "log.attempt"), stage: try Stage(log.stage),
                    stream: log.isStandardError ? .standardError : .standardOutput, data: [UInt8](log.data)))
        case .snapshots(let list):
            self = .snapshots(
                try list.snapshots.bounded(100_000, "snapshots").map { summary throws(WireError) in
                    SnapshotSummary(
                        id: try summary.id.bounded(SnapshotSummary.longestID, "snapshot.id"),
                        at: UnixTime(milliseconds: summary.atUnixMs), paths: summary.paths, tags: summary.tags,
                        host: summary.host)
                })
        case .restored(let restored):
            self = .restored(
                RestoreSummary(
                    status: Status(rawValue: restored.status), reason: restored.reason, files: restored.files,
                    bytes: restored.sizeBytes))
        case .debts(let list):
            self = .debts(
                try list.debts.bounded(1_000, "debts").map { debt throws(WireError) in
                    OpenDebt(
                        job: try JobID(wire: debt.jobID), attempt: try debt.attempt.within(1...10_000, "debt.attempt"),
                        policy: try PolicyName(wire: debt.policy, "debt.policy"),
                        scheduledStart: UnixTime(milliseconds: debt.scheduledStartUnixMs),
                        reason: try debt.reason.bounded(4_096, "debt.reason"))
                })
        case .settled(let list):
            self = .settled(
                try list.settlements.bounded(1_000, "settlements").map { settlement throws(WireError) in
                    SettledDebt(
                        attempt: try settlement.attempt.within(1...10_000, "settlement.attempt"),
                        status: Status(rawValue: settlement.status),
                        reason: try settlement.reason.bounded(4_096, "settlement.reason"),
                        isSettled: settlement.isSettled)
                })
        case .publicKey(let text): self = .key(try PublicKey(wire: text))
        }
    }
}

extension ProtoAskCall {
    init(_ value: AskCall) {
        self.init()
        switch value {
        case .open(let id, let request, let credit):
            self.id = id
            var open = Open()
            open.request = ProtoAskRequest(request)
            open.credit = Int32(clamping: credit)
            call = .open(open)
        case .credit(let id, let chunks):
            self.id = id
            var credit = Credit()
            credit.chunks = Int32(clamping: chunks)
            call = .credit(credit)
        case .close(let id):
            self.id = id
            call = .close(Close())
        }
    }
}

extension AskCall {
    init(_ proto: ProtoAskCall) throws(WireError) {
        switch try required(proto.call, "ask.call") {
        case .open(let open):
            self = .open(
                id: proto.id, request: try AskRequest(open.request), credit: try open.credit.within(1...64, "credit"))
        case .credit(let credit): self = .credit(id: proto.id, chunks: try credit.chunks.within(1...64, "credit"))
        case .close: self = .close(id: proto.id)
        }
    }
}

extension ProtoAskReply {
    init(_ value: AskReply) {
        self.init()
        switch value {
        case .chunk(let id, let answer):
            self.id = id
            reply = .chunk(ProtoAskAnswer(answer))
        case .end(let id, let failure):
            self.id = id
            var end = End()
            if let failure { end.failure = ProtoFailure(failure) }
            reply = .end(end)
        }
    }
}

extension AskReply {
    init(_ proto: ProtoAskReply) throws(WireError) {
        switch try required(proto.reply, "ask.reply") {
        case .chunk(let answer): self = .chunk(id: proto.id, try AskAnswer(answer))
        case .end(let end): self = .end(id: proto.id, end.hasFailure ? try RemoteFailure(end.failure) : nil)
        }
    }
}
