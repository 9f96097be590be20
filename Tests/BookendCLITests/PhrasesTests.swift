import ArgumentParser
import BookendFiles
import BookendModel
import Testing

@testable import BookendCLI

struct PhrasesTests {
    @Test func `durations are short and have a unit`() {
        let texts = [0, 400, 12_000, 200_000, 7_500_000, 273_600_000].map { Phrases.duration(.milliseconds($0)) }
        #expect(texts == ["0.0 s", "0.4 s", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"])
    }

    @Test func `a time is said as seen from now`() {
        let now = UnixTime(milliseconds: 10_000_000)
        #expect(Phrases.relative(nil, to: now) == "-")
        #expect(Phrases.relative(now, to: now) == "now")
        #expect(Phrases.relative(UnixTime(milliseconds: 9_988_000), to: now) == "12 s ago")
        #expect(Phrases.relative(UnixTime(milliseconds: 10_000_000 + 7_200_000), to: now) == "in 2 h")
    }

    @Test func `bytes are counted in the unit that fits`() {
        #expect(
            [0, 812, 1_024, 1_258_291, 52_428_800].map { Phrases.bytes($0) } == [
                "0 B", "812 B", "1.0 KiB", "1.1 MiB", "50 MiB",
            ])
        #expect(Phrases.bytes(.max) == "7.9 EiB")
    }

    @Test func `an option that names no endpoint is named`() throws {
        for option in ["--coordinator", "--collector", "--feed"] {
            let options = try ConnectionOptions.parse([option, "foo"])
            let error = #expect(throws: CLIError.self) { try options.resolved(environment: ["HOME": "/nonexistent"]) }
            #expect(error?.message.hasPrefix("\(option): expected") == true)
        }
    }

    @Test func `who cancels what was withdrawn is told so`() {
        let trigger = Trigger(
            job: JobID(rawValue: 7), agent: AgentID(rawValue: "a"), policy: PolicyName(rawValue: "p"), revision: 1,
            cause: .schedule, scheduledStart: UnixTime(milliseconds: 0), notAfter: UnixTime(milliseconds: 9))
        let queued = TriggerRecord(trigger: trigger, state: .pending, isCanceled: true)
        #expect(queued.cancelPhrase(isOffline: false) == "job 7 on a: canceling; see: bookend job 7")
        #expect(
            queued.cancelPhrase(isOffline: true)
                == "job 7 on a: its agent is offline, and is told to cancel it when it is back; see: bookend job 7")
        let withdrawn = TriggerRecord(trigger: trigger, state: .withdrawn, isCanceled: true)
        #expect(withdrawn.cancelPhrase(isOffline: true).hasPrefix("job 7 on a: withdrawn before it began"))
        #expect(withdrawn.status == .skipped)
    }

    @Test func `a place over TCP needs a key`() throws {
        let peer = try ConnectionOptions.peer("tcp://h:1?a?b", source: "it")
        #expect(peer.endpoint == "tcp://h:1" && peer.publicKey == "a?b")
        #expect(try ConnectionOptions.peer("/run/x.sock", source: "it").endpoint == "ipc:///run/x.sock")
        #expect(throws: CLIError.self) { try ConnectionOptions.peer("tcp://h:1", source: "it") }
    }

    @Test func `a status is typed by its number or its name`() {
        #expect(Status(argument: "20") == .timedOut)
        #expect(Status(argument: "timed-out") == .timedOut)
        #expect(Status(argument: "nonsense") == nil)
    }

    @Test func `kept ports are used only when they are five different ones`() {
        #expect(DevPorts(text: DevPorts([1, 2, 3, 4, 5]).text)?.all == [1, 2, 3, 4, 5])
        #expect(DevPorts(text: "1 2 3 4 4") == nil)
        #expect(DevPorts(text: "1 2 3 4") == nil)
    }
}
