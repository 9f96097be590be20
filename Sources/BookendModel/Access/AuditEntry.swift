/// What is to be written into the audit log.
package struct AuditDraft: Hashable, Sendable {
    package enum Result: String, Hashable, Sendable, CaseIterable {
        case done
        /// Asked of an agent, whose answer follows in an entry of its own.
        case begun
        /// Allowed, tried, and not achieved.
        case failed
        /// Not allowed.
        case refused
    }

    /// Bytes of each text, at most; what is longer is cut.
    package static let textLimit = 512

    /// `operator/alice`, `local/1000` (a user of the coordinator's own machine), `agent/web-1`, `coordinator`.
    package var who: String
    /// Where from, as the system says: an address, or the process on a Unix socket. Empty: nowhere.
    package var origin: String
    /// A ``Deed``, or another name of that form.
    package var what: String
    package var target: String
    package var result: Result
    /// Why, or what came of it.
    package var detail: String

    package init(
        who: String, origin: String, what: String, target: String, result: Result, detail: String = ""
    ) {
        self.who = who.cut(to: Self.textLimit)
        self.origin = origin.cut(to: Self.textLimit)
        self.what = what.cut(to: Self.textLimit)
        self.target = target.cut(to: Self.textLimit)
        self.result = result
        self.detail = detail.cut(to: Self.textLimit)
    }

    package init(_ refusal: Refusal) {
        let times = refusal.count == 1 ? "" : "\(refusal.count) times, the last one: "
        self.init(
            who: refusal.who, origin: refusal.origin, what: refusal.what, target: refusal.target, result: .refused,
            detail: times + refusal.reason)
    }
}

/// A line of the audit log. Each holds the hash of the one before: none can be taken out or changed without all that follow.
package struct AuditEntry: Hashable, Sendable {
    /// Of the entry before the first.
    package static let origin = [UInt8](repeating: 0, count: 32)

    /// 1, 2, 3 … without gaps.
    package var sequence: Int64
    package var at: UnixTime
    package var draft: AuditDraft
    /// 32 bytes.
    package var previous: [UInt8]
    /// SHA-256 of ``canonicalBytes``.
    package var hash: [UInt8]

    package init(sequence: Int64, at: UnixTime, draft: AuditDraft, previous: [UInt8], hash: [UInt8]) {
        self.sequence = sequence
        self.at = at
        self.draft = draft
        self.previous = previous
        self.hash = hash
    }

    /// Follows an entry, or begins a log.
    package init(_ draft: AuditDraft, after head: AuditHead?, at now: UnixTime, hash: ([UInt8]) -> [UInt8]) {
        self.init(
            sequence: (head?.sequence ?? 0) + 1, at: now, draft: draft, previous: head?.hash ?? Self.origin, hash: [])
        self.hash = hash(canonicalBytes)
    }

    /// What is hashed: a mark and a version, then sequence and time as 8 bytes, then who, origin, what, target, result and
    /// detail, each behind its length as 4 bytes, then the hash of the entry before. Numbers with the highest byte first.
    ///
    /// Never changed: an entry of another form gets another mark.
    package var canonicalBytes: [UInt8] {
        var bytes = Array("bookend-audit-1".utf8)
        func append(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
        }
        append(sequence)
        append(at.milliseconds)
        for text in [draft.who, draft.origin, draft.what, draft.target, draft.result.rawValue, draft.detail] {
            append(UInt32(text.utf8.count))
            bytes += text.utf8
        }
        return bytes + previous
    }

    package var head: AuditHead { AuditHead(sequence: sequence, hash: hash) }
}

/// Where an audit log ends. It stands for everything before it.
package struct AuditHead: Hashable, Sendable {
    package var sequence: Int64
    /// 32 bytes.
    package var hash: [UInt8]

    package init(sequence: Int64, hash: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
    }
}

/// A head that the collector has seen, and keeps where the coordinator cannot reach it.
package struct AuditAnchor: Hashable, Sendable {
    package var head: AuditHead
    /// By the collector's clock.
    package var seenAt: UnixTime

    package init(head: AuditHead, seenAt: UnixTime) {
        self.head = head
        self.seenAt = seenAt
    }
}

/// Which entries; every part that is set must hold.
package struct AuditFilter: Hashable, Sendable {
    package var since: UnixTime?
    package var until: UnixTime?
    /// Exactly, or everything that begins with it when it ends in `/`: `operator/`.
    package var who: String?
    /// Only entries behind this one.
    package var after: Int64 = 0
    /// The newest, not the oldest, up to the limit; they come in their order all the same.
    package var newest = false
    /// 1–1,000.
    package var limit = 100

    package init() {}

    package func picks(_ entry: AuditEntry) -> Bool {
        guard entry.sequence > after, since.map({ entry.at >= $0 }) ?? true, until.map({ entry.at < $0 }) ?? true else {
            return false
        }
        guard let who else { return true }
        return entry.draft.who == who || who.hasSuffix("/") && entry.draft.who.hasPrefix(who)
    }
}

extension String {
    /// At most so many bytes, whole characters.
    fileprivate func cut(to limit: Int) -> String {
        if utf8.count <= limit { return self }
        var text = ""
        for character in self {
            if text.utf8.count + character.utf8.count > limit - 3 { break }
            text.append(character)
        }
        return text + "…"
    }
}
