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
            conversation("control", fields: 80..<90), conversation("enrollment", fields: 90..<100),
            Target(
                name: "stored",
                seeds: {
                    [
                        [0] + Wire.encode(Samples.aggregate), [1] + Wire.encode(Samples.report),
                        [2] + Wire.encode(Samples.restic), [2] + Wire.encode(Samples.command),
                        [3] + Wire.encode(Samples.inference), [5] + Wire.encode(Samples.token),
                        [6] + Wire.encode(Samples.alert), [8] + Wire.encode(Samples.silence),
                        [9] + Wire.encode(Samples.notice), [10] + Wire.encode(AlertEvent(Samples.notice)),
                        [11] + Wire.encode(Samples.digest), [12] + Wire.encode(Samples.letter),
                    ] + Samples.peers.map { [4] + Wire.encode($0) }
                        + Samples.alert.subjects.values.map { [7] + Wire.encode($0) }
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
        guard let message = again(bytes, Wire.decode, Wire.encode) else { return }
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
        switch (input.first ?? 0) % 13 {
        case 3:
            guard let inference = again(bytes, Wire.decodeInference, Wire.encode) else { return }
            if var aggregate = JobAggregate(inference) {
                _ = aggregate.infer(inference)
                same(aggregate)
            }
        case 0: _ = again(bytes, Wire.decodeJobAggregate, Wire.encode)
        case 1: _ = again(bytes, Wire.decodeReport, Wire.encode)
        case 4: _ = again(bytes, Wire.decodePeer, Wire.encode)
        case 5: _ = again(bytes, Wire.decodeEnrollmentToken, Wire.encode)
        case 6: _ = again(bytes, Wire.decodeAlert, Wire.encode)
        case 7: _ = again(bytes, Wire.decodeAlertSubject, Wire.encode)
        case 8: _ = again(bytes, Wire.decodeAlertSilence, Wire.encode)
        case 9: _ = again(bytes, Wire.decodeAlertNotice, Wire.encode)
        case 10: _ = again(bytes, Wire.decodeAlertEvent, Wire.encode)
        case 11: _ = again(bytes, Wire.decodeAlertDigest, Wire.encode)
        case 12: _ = again(bytes, Wire.decodeReportLetter, Wire.encode)
        default:
            // What the coordinator and the agent ask of a policy that comes over the wire.
            _ = again(bytes, Wire.decodePolicyRevision, Wire.encode)?.policy.problems()
        }
    }

    /// What can be decoded must come back the same after encoding and decoding it again.
    private static func again<Value: Equatable>(
        _ bytes: [UInt8], _ decode: ([UInt8]) throws -> Value, _ encode: (Value) -> [UInt8]
    ) -> Value? {
        guard let value = answer({ try decode(bytes) }) else { return nil }
        guard answer({ try decode(encode(value)) }) == value else { broken("does not come back as it was: \(value)") }
        return value
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

    /// For messages that the agent makes itself: what the wire refuses nobody can read.
    static func same(_ message: Envelope) {
        guard answer({ try Wire.decode(Wire.encode(message)) }) == message else {
            broken("does not come back as it was: \(message)")
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
