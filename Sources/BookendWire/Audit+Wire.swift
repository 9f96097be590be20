import BookendModel
import FoundationEssentials

extension ProtoAuditEntry {
    init(_ entry: AuditEntry) {
        self.init()
        sequence = entry.sequence
        atUnixMs = entry.at.milliseconds
        who = entry.draft.who
        origin = entry.draft.origin
        what = entry.draft.what
        target = entry.draft.target
        result = entry.draft.result.rawValue
        detail = entry.draft.detail
        previous = Data(entry.previous)
        hash = Data(entry.hash)
    }
}

extension AuditEntry {
    init(_ proto: ProtoAuditEntry) throws(WireError) {
        let result = AuditDraft.Result(rawValue: proto.result)
        let limit = AuditDraft.textLimit
        self.init(
            sequence: proto.sequence, at: UnixTime(milliseconds: proto.atUnixMs),
            draft: AuditDraft(
                who: try proto.who.bounded(limit, "audit.who"), origin: try proto.origin.bounded(limit, "audit.origin"),
                what: try proto.what.bounded(limit, "audit.what"),
                target: try proto.target.bounded(limit, "audit.target"),
                result: try required(result, "audit.result"), detail: try proto.detail.bounded(limit, "audit.detail")),
            previous: try proto.previous.asHash("audit.previous"), hash: try proto.hash.asHash("audit.hash"))
    }
}

extension ProtoAuditHead {
    init(_ head: AuditHead) {
        self.init()
        sequence = head.sequence
        hash = Data(head.hash)
    }
}

extension AuditHead {
    init(_ proto: ProtoAuditHead) throws(WireError) {
        guard proto.sequence > 0 else { throw WireError(.invalid, "audit_head.sequence: not positive") }
        self.init(sequence: proto.sequence, hash: try proto.hash.asHash("audit_head.hash"))
    }
}

extension ProtoAuditAnchor {
    init(_ anchor: AuditAnchor) {
        self.init()
        head = ProtoAuditHead(anchor.head)
        seenUnixMs = anchor.seenAt.milliseconds
    }
}

extension AuditAnchor {
    init(_ proto: ProtoAuditAnchor) throws(WireError) {
        self.init(head: try AuditHead(proto.head), seenAt: UnixTime(milliseconds: proto.seenUnixMs))
    }
}

extension ProtoAuditFilter {
    init(_ filter: AuditFilter) {
        self.init()
        if let time = filter.since { sinceUnixMs = time.milliseconds }
        if let time = filter.until { untilUnixMs = time.milliseconds }
        if let who = filter.who { self.who = who }
        after = filter.after
        newest = filter.newest
        limit = Int32(clamping: filter.limit)
    }
}

extension AuditFilter {
    init(_ proto: ProtoAuditFilter) throws(WireError) {
        self.init()
        since = proto.hasSinceUnixMs ? UnixTime(milliseconds: proto.sinceUnixMs) : nil
        until = proto.hasUntilUnixMs ? UnixTime(milliseconds: proto.untilUnixMs) : nil
        who = proto.hasWho ? try proto.who.bounded(AuditDraft.textLimit, "filter.who") : nil
        after = max(0, proto.after)
        newest = proto.newest
        limit = try proto.limit.within(1...1_000, "filter.limit")
    }
}

extension ProtoRefusal {
    init(_ refusal: Refusal) {
        self.init()
        who = refusal.who
        origin = refusal.origin
        what = refusal.what
        target = refusal.target
        reason = refusal.reason
        count = refusal.count
    }
}

extension Refusal {
    init(_ proto: ProtoRefusal) throws(WireError) {
        self.init(
            who: try proto.who.bounded(512, "refusal.who"), origin: try proto.origin.bounded(512, "refusal.origin"),
            what: try proto.what.bounded(512, "refusal.what"), target: try proto.target.bounded(512, "refusal.target"),
            reason: try proto.reason.bounded(1_024, "refusal.reason"), count: min(max(1, proto.count), 1 << 40))
    }
}

extension Data {
    fileprivate func asHash(_ field: String) throws(WireError) -> [UInt8] {
        guard count == 32 else { throw WireError(.invalid, "\(field): \(count) bytes are no SHA-256") }
        return [UInt8](self)
    }
}
