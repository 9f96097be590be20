import BookendModel
import BookendWire
import Testing

@Suite struct WireTests {
    @Test func `each message comes back as it went`() throws {
        for envelope in Samples.envelopes {
            #expect(try Wire.decode(Wire.encode(envelope)) == envelope)
        }
    }

    @Test func `what a store keeps comes back as it went`() throws {
        #expect(try Wire.decodeReport(Wire.encode(Samples.report)) == Samples.report)
        #expect(try Wire.decodeJobAggregate(Wire.encode(Samples.aggregate)) == Samples.aggregate)
        #expect(try Wire.decodePolicyRevision(Wire.encode(Samples.restic)) == Samples.restic)
    }

    @Test func `a newer major version is refused with what to do`() {
        // Field 1 of the envelope, major, is 2.
        #expect(throws: WireError.self) { try Wire.decode([0x08, 0x02]) }
        do {
            _ = try Wire.decode([0x08, 0x02])
        } catch {
            #expect(error.code == .newerVersion)
            #expect(error.message.contains("upgrade this side"))
        }
    }

    @Test func `an unknown field is ignored`() throws {
        // Field 999, a varint.
        let unknown: [UInt8] = [0xB8, 0x3E, 0x01]
        #expect(try Wire.decode(Wire.encode(.triggerAck(Samples.job)) + unknown) == .triggerAck(Samples.job))
    }

    @Test func `a message of a kind that is not known here is malformed, not a crash`() {
        // Version 1.0 and field 300, an empty message.
        #expect(throws: WireError.self) { try Wire.decode([0x08, 0x01, 0xE2, 0x12, 0x00]) }
        #expect(throws: WireError.self) { try Wire.decode([]) }
    }

    @Test func `an agent's name that is no name is refused`() {
        var trigger = Samples.trigger
        trigger.agent = AgentID(rawValue: "../etc")
        #expect(throws: WireError.self) { try Wire.decode(Wire.encode(.trigger(trigger))) }
    }

    @Test func `a job id that is not positive is refused`() {
        #expect(throws: WireError.self) { try Wire.decode(Wire.encode(.cancel(JobID(rawValue: 0)))) }
        #expect(throws: WireError.self) { try Wire.decode(Wire.encode(.cancel(JobID(rawValue: -1)))) }
    }

    @Test func `a reason beyond its bound is refused`() {
        var report = Samples.report
        report.details.reason = String(repeating: "x", count: 4_097)
        let batch = IntakeBatch(incarnation: 1, after: ReportDigest(rawValue: 1), reports: [report])
        #expect(throws: WireError.self) { try Wire.decode(Wire.encode(.intake(.batch(batch)))) }
    }

    /// Hostile bytes: each sample with bytes flipped, cut off, and doubled. Either a message or an error comes of it.
    @Test func `mutated messages never crash`() {
        var random = SplitMix(state: 7)
        var (read, refused) = (0, 0)
        for envelope in Samples.envelopes {
            let original = Wire.encode(envelope)
            for _ in 0..<400 {
                var bytes = original
                for _ in 0...Int.random(in: 0...3, using: &random) {
                    guard !bytes.isEmpty else { break }
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0...3, using: &random) {
                    case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.removeLast(bytes.count - place)
                    case 2: bytes.insert(contentsOf: bytes[place...], at: place)
                    default: bytes.remove(at: place)
                    }
                }
                do {
                    _ = try Wire.decode(bytes)
                    read += 1
                } catch {
                    refused += 1
                }
            }
        }
        #expect(read > 0 && refused > 0)
    }
}

/// A small seeded generator, so that a failure comes back.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
