import BookendModel
import Testing

@Suite struct SyncOutboxTests {
    private func ack(
        _ through: UInt64, incarnation: UInt64 = 1, digest: UInt64? = nil, mustResume: Bool = false
    ) -> IntakeAck {
        IntakeAck(
            incarnation: incarnation, through: through, digest: digest.map(ReportDigest.init), epoch: 5,
            mustResume: mustResume)
    }

    private func stream(_ acknowledged: UInt64, base: UInt64 = 0) -> ReportStream {
        ReportStream(incarnation: 1, base: base, acknowledged: acknowledged, epoch: 5)
    }

    private func resume(_ acknowledged: UInt64, epoch: Int64 = 5) -> Outbox.Action {
        .sendResume(IntakeResume(incarnation: 1, acknowledged: acknowledged, epoch: epoch))
    }

    @Test func `no more than the window is on the way`() {
        var outbox = Outbox(stream: ReportStream(incarnation: 1), highest: 10_000, pruned: 0)
        #expect(outbox.handle(.connected) == [resume(0, epoch: 0)])
        #expect(outbox.handle(.appended(through: 10_001)) == [], "nothing before the collector has said what it has")
        let sent = outbox.handle(.acknowledged(ack(0), own: nil))
        #expect(
            sent == [
                .recordAcknowledged(stream(0)), .sendBatch(1...256), .sendBatch(257...512), .sendBatch(513...768),
                .sendBatch(769...1_024),
            ])
        #expect(outbox.handle(.appended(through: 10_002)) == [])
        #expect(
            outbox.handle(.acknowledged(ack(256), own: nil))
                == [.recordAcknowledged(stream(256)), .sendBatch(1_025...1_280)])
        #expect(outbox.isWaiting)
        #expect(outbox.handle(.acknowledged(ack(9_000, incarnation: 2), own: nil)) == [], "another stream")
    }

    @Test func `numbers on the way are those of the stream, which begins behind its base`() {
        var outbox = Outbox(stream: stream(1_100, base: 1_000), highest: 1_150, pruned: 0)
        #expect(outbox.handle(.connected) == [resume(100)])
        #expect(
            outbox.handle(.acknowledged(ack(120), own: nil))
                == [.recordAcknowledged(stream(1_120, base: 1_000)), .sendBatch(1_121...1_150)])
    }

    @Test func `a collector that was restored gets again what it lacks, with patience`() {
        var outbox = Outbox(stream: stream(100), highest: 100, pruned: 0)
        _ = outbox.handle(.connected)
        #expect(
            outbox.handle(.acknowledged(ack(40), own: nil))
                == [.sendAgain(41...100), .recordAcknowledged(stream(40)), .sendBatch(41...100)])
        #expect(outbox.depth == 60 && outbox.isWaiting)
        #expect(outbox.handle(.patienceOver) == [resume(40)])
    }

    @Test func `what is no longer kept leaves a hole, behind which a new stream begins`() {
        var outbox = Outbox(stream: stream(100), highest: 100, pruned: 60)
        _ = outbox.handle(.connected)
        #expect(
            outbox.handle(.acknowledged(ack(40), own: nil)) == [.beginStream(after: 60, .lostByCollector(41...60))])
        let next = ReportStream(incarnation: 2, base: 60)
        #expect(
            outbox.handle(.began(next))
                == [.sendResume(IntakeResume(incarnation: 2, acknowledged: 0, epoch: 0))])
        #expect(
            outbox.handle(.acknowledged(ack(0, incarnation: 2), own: nil))
                == [
                    .recordAcknowledged(ReportStream(incarnation: 2, base: 60, epoch: 5)), .sendBatch(61...100),
                ])
    }

    @Test func `a collector that is new to an old journal gets what is kept`() {
        var outbox = Outbox(stream: ReportStream(incarnation: 1), highest: 100, pruned: 60)
        _ = outbox.handle(.connected)
        #expect(
            outbox.handle(.acknowledged(ack(0), own: nil)) == [.beginStream(after: 60, .olderThanCollector(1...60))])
    }

    @Test func `a collector that has more than there is, or other reports, makes a new stream`() {
        for (through, own) in [(101, 3), (90, 4)] as [(UInt64, UInt64)] {
            var outbox = Outbox(stream: stream(80), highest: 100, pruned: 10)
            _ = outbox.handle(.connected)
            #expect(
                outbox.handle(.acknowledged(ack(through, digest: 3), own: ReportDigest(rawValue: own)))
                    == [
                        .beginStream(
                            after: 10, through > 100 ? .journalIsBehind(collectorHas: 101) : .diverged(at: 90))
                    ])
            #expect(outbox.handle(.acknowledged(ack(90), own: nil)) == [], "until it is recorded, nothing goes on")
            #expect(outbox.handle(.patienceOver) == [resume(80)], "it could not be recorded: it is found out anew")
        }
        var outbox = Outbox(stream: stream(80), highest: 100, pruned: 0)
        _ = outbox.handle(.connected)
        #expect(
            outbox.handle(.acknowledged(ack(90, digest: 3), own: ReportDigest(rawValue: 3)))
                == [.recordAcknowledged(stream(90)), .sendBatch(91...100)])
        #expect(
            outbox.handle(.acknowledged(ack(95, digest: 3), own: ReportDigest(rawValue: 4)))
                == [.beginStream(after: 0, .diverged(at: 95))], "also in the middle of it")
    }

    @Test func `sides that never agree begin a stream each time that patience is over, and no more`() {
        var outbox = Outbox(stream: stream(80), highest: 100, pruned: 10)
        var (begun, steps) = (0, 0)
        var actions = outbox.handle(.connected)
        while let action = actions.popLast(), steps < 1_000 {
            steps += 1
            switch action {
            case .sendResume, .sendBatch:
                let answer = IntakeAck(
                    incarnation: outbox.stream.incarnation, through: 5, digest: ReportDigest(rawValue: 1))
                actions += outbox.handle(.acknowledged(answer, own: ReportDigest(rawValue: 2)))
            case .beginStream(let base, _):
                begun += 1
                actions += outbox.handle(
                    .began(outbox.stream.renewed(base: base, newest: ReportDigest(rawValue: 7))))
            case .recordAcknowledged, .sendAgain: break
            }
        }
        #expect(begun == 1 && outbox.isWaiting && steps < 10)
        #expect(outbox.handle(.patienceOver).count == 1)
        let answer = IntakeAck(incarnation: outbox.stream.incarnation, through: 5, digest: ReportDigest(rawValue: 1))
        #expect(outbox.handle(.acknowledged(answer, own: ReportDigest(rawValue: 2))).count == 1)
    }

    @Test func `who is out of step asks again, once`() {
        var outbox = Outbox(stream: stream(80), highest: 100, pruned: 0)
        _ = outbox.handle(.connected)
        _ = outbox.handle(.acknowledged(ack(80), own: nil))
        #expect(outbox.handle(.acknowledged(ack(80, mustResume: true), own: nil)) == [resume(80)])
        #expect(outbox.handle(.acknowledged(ack(80, mustResume: true), own: nil)) == [])
        #expect(outbox.handle(.acknowledged(ack(80), own: nil)) == [.sendBatch(81...100)])
        #expect(outbox.handle(.acknowledged(ack(70), own: nil)) == [resume(80)], "less than before cannot be right")
    }

    @Test func `a number from far beyond is no number of this journal`() {
        var outbox = Outbox(stream: stream(80, base: 70), highest: 100, pruned: 0)
        _ = outbox.handle(.connected)
        #expect(
            outbox.handle(.acknowledged(ack(.max), own: nil))
                == [.beginStream(after: 0, .journalIsBehind(collectorHas: .max))])
    }
}
