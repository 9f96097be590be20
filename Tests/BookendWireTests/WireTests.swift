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
        #expect(try Wire.decodeInference(Wire.encode(Samples.inference)) == Samples.inference)
        #expect(try Wire.decodeAlert(Wire.encode(Samples.alert)) == Samples.alert)
        let subject = try #require(Samples.alert.ordered.last)
        #expect(try Wire.decodeAlertSubject(Wire.encode(subject)) == subject)
        #expect(try Wire.decodeAlertSilence(Wire.encode(Samples.silence)) == Samples.silence)
        #expect(try Wire.decodeAlertNotice(Wire.encode(Samples.notice)) == Samples.notice)
        let event = AlertEvent(Samples.notice)
        #expect(try Wire.decodeAlertEvent(Wire.encode(event)) == event)
        #expect(try Wire.decodeAlertDigest(Wire.encode(Samples.digest)) == Samples.digest)
        #expect(try Wire.decodeReportLetter(Wire.encode(Samples.letter)) == Samples.letter)
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

    /// Each is a query of one small piece over and over. What is merged, copied or collected anew each time takes minutes.
    @Test(
        arguments: [
            [0x12, 0x02, 0x08, 0x01],  // the same oneof, with a job id
            [0x2A, 0x02, 0x08, 0x03],  // the same oneof, with an unknown field
            [0x12, 0x03, 0x0A, 0x01, 0x01],  // the same oneof, with a packed list
        ] as [[UInt8]])
    func `what comes again and again is read in linear time`(piece: [UInt8]) {
        let again = Array(repeatElement(piece, count: (1 << 20) / piece.count).joined())
        let start = ContinuousClock.now
        _ = try? Wire.decode([0x08, 0x01, 0xB2, 0x04] + varint(again.count) + again)  // What it means does not matter.
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `a packed list that comes in many pieces is read in linear time`() {
        let filter = Array(repeatElement([0x0A, 0x01, 0x01] as [UInt8], count: 350_000).joined())
        let query = [0x12] + varint(filter.count) + filter
        let start = ContinuousClock.now
        #expect(throws: WireError.self) { try Wire.decode([0x08, 0x01, 0xB2, 0x04] + varint(query.count) + query) }
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `of a body that comes twice the last one stands`() throws {
        let (first, second) = (Wire.encode(.cancel(Samples.job)), Wire.encode(.triggerAck(JobID(rawValue: 7))))
        #expect(try Wire.decode(first + second) == .triggerAck(JobID(rawValue: 7)))
        #expect(
            try Wire.decode(Wire.encode(.trigger(Samples.trigger)) + Wire.encode(.cancel(Samples.job)))
                == .cancel(Samples.job))
    }

    @Test func `what is named twice as the news of a notice is news once`() throws {
        let places = Samples.notice.alert.ordered.indices
        // Field 3 once more: places of the alert's subjects, some of them twice, and one that there is not.
        let more: [UInt8] = [3 << 3 | 2, 6] + [1, 0, 1, 0, 1, UInt8(places.count)]
        var whole = Samples.notice
        whole.news = whole.alert.ordered.map { $0.key(of: whole.alert.cause.kind) }
        #expect(places == 0..<2 && whole.news.count == 2)
        #expect(try Wire.decodeAlertNotice(Wire.encode(Samples.notice) + more) == whole)
    }

    @Test func `whatever programs print, a bounded report is one that every receiver takes`() throws {
        var report = Samples.report
        report.details.reason = String(repeating: "é\u{301}\u{301}", count: 4_000)
        report.details.snapshotID = String(repeating: "a", count: 129)
        report.details.errors = Array(repeating: String(repeating: "👩‍👩‍👧", count: 200), count: 50)
        report.details.leftProcesses = report.details.errors
        let event = PipelineEventRecord(at: Samples.time, attempt: 1, event: "cancel", consequence: "nothing more runs")
        report.details.events = Array(repeating: event, count: 10_001)
        report.details.events[10_000].event = String(repeating: "e", count: 300)
        report.details.events[10_000].consequence = String(repeating: "c", count: 5_000)
        #expect(throws: WireError.self) { try Wire.decodeReport(Wire.encode(report)) }
        report.details = report.details.bounded
        #expect(try Wire.decodeReport(Wire.encode(report)) == report)
        #expect(report.details.reason.utf8.count > 4_090 && report.details.snapshotID == nil)
        #expect(report.details == report.details.bounded)
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

private func varint(_ number: Int) -> [UInt8] {
    number < 0x80 ? [UInt8(number)] : [UInt8(number & 0x7F | 0x80)] + varint(number >> 7)
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
