import BookendModel
import BookendWire

extension Target {
    /// The envelope as it comes, and for each conversation its own messages: the first byte chooses one, the rest is its body.
    /// So no mutation is lost on the envelope, and a message that is added later is reached without a change here.
    static let wire =
        [
            Target(name: "envelope", seeds: { Samples.envelopes.map(Wire.encode) }, run: { envelope($0) }),
            conversation("sync", fields: 10..<30), conversation("ask", fields: 30..<40),
            conversation("roster", fields: 40..<50), conversation("intake", fields: 50..<60),
            conversation("feed", fields: 60..<70), conversation("query", fields: 70..<80),
            conversation("control", fields: 80..<90),
            Target(
                name: "stored",
                seeds: {
                    [
                        [0] + Wire.encode(Samples.aggregate), [1] + Wire.encode(Samples.report),
                        [2] + Wire.encode(Samples.restic), [2] + Wire.encode(Samples.command),
                        [3] + Wire.encode(Samples.inference),
                    ]
                }, run: { stored($0) }),
        ]

    private static func conversation(_ name: String, fields: Range<Int>) -> Target {
        Target(
            name: name,
            seeds: {
                Samples.envelopes.compactMap { envelope in
                    guard let (field, body) = Protobuf.body(of: Wire.encode(envelope)), fields.contains(field) else {
                        return nil
                    }
                    return [UInt8(field - fields.lowerBound)] + body
                }
            },
            run: { input in
                guard let choice = input.first else { return }
                let field = fields.lowerBound + Int(choice) % fields.count
                envelope(Protobuf.envelope(field: field, body: input.dropFirst()))
            })
    }

    private static func envelope(_ bytes: [UInt8]) {
        guard let message = answer({ try Wire.decode(bytes) }) else { return }
        guard answer({ try Wire.decode(Wire.encode(message)) }) == message else {
            broken("does not come back as it was: \(message)")
        }
        switch message {
        case .intake(.batch(let batch)): fold(batch.reports)
        case .feedEntry(let entry): fold([entry.report].compactMap(\.self))
        case .rosterReply(let roster):
            for aggregate in roster.triggers.compactMap(JobAggregate.init) { same(aggregate) }
        default: break
        }
    }

    private static func stored(_ input: [UInt8]) {
        let bytes = Array(input.dropFirst())
        switch (input.first ?? 0) % 4 {
        case 3:
            guard let inference = answer({ try Wire.decodeInference(bytes) }) else { return }
            if var aggregate = JobAggregate(inference) {
                _ = aggregate.infer(inference)
                same(aggregate)
            }
        case 0: if let aggregate = answer({ try Wire.decodeJobAggregate(bytes) }) { same(aggregate) }
        case 1: if let report = answer({ try Wire.decodeReport(bytes) }) { same(report) }
        default:
            guard let revision = answer({ try Wire.decodePolicyRevision(bytes) }) else { return }
            guard answer({ try Wire.decodePolicyRevision(Wire.encode(revision)) }) == revision else {
                broken("does not come back as it was: \(revision)")
            }
            // What the coordinator and the agent ask of a policy that comes over the wire.
            _ = revision.policy.problems()
        }
    }

    /// What a collector does with reports that it took.
    private static func fold(_ reports: [Report]) {
        guard let first = reports.first else { return }
        var aggregate = JobAggregate(first)
        for report in reports.dropFirst() { aggregate.fold(report) }
        _ = (aggregate.alerts, aggregate.goodBackupAt)
        same(aggregate)
        same(first)
    }

    private static func same(_ aggregate: JobAggregate) {
        guard answer({ try Wire.decodeJobAggregate(Wire.encode(aggregate)) }) == aggregate else {
            broken("does not come back as it was: \(aggregate)")
        }
    }

    /// Also used for reports that the agent makes itself: one that the wire refuses would never leave its outbox.
    static func same(_ report: Report) {
        guard answer({ try Wire.decodeReport(Wire.encode(report)) }) == report else {
            broken("does not come back as it was: \(report)")
        }
    }
}

/// As much of protobuf as it takes to cut an envelope open.
enum Protobuf {
    /// Version 1.0 with this field, of the kind that is a message.
    static func envelope(field: Int, body: some Collection<UInt8>) -> [UInt8] {
        [0x08, 0x01] + varint(field << 3 | 2) + varint(body.count) + body
    }

    /// The first field of an envelope that is a message.
    static func body(of envelope: [UInt8]) -> (field: Int, body: [UInt8])? {
        var place = 0
        func number() -> Int? {
            var (result, shift) = (0, 0)
            while place < envelope.count, shift < 63 {
                let byte = envelope[place]
                place += 1
                result |= Int(byte & 0x7F) << shift
                if byte < 0x80 { return result }
                shift += 7
            }
            return nil
        }
        while let tag = number(), let value = number() {
            if tag & 7 == 2 {
                return place + value <= envelope.count ? (tag >> 3, Array(envelope[place..<place + value])) : nil
            }
        }
        return nil
    }

    private static func varint(_ number: Int) -> [UInt8] {
        var (rest, result) = (number, [UInt8]())
        while rest >= 0x80 {
            result.append(UInt8(rest & 0x7F | 0x80))
            rest >>= 7
        }
        return result + [UInt8(rest)]
    }
}
