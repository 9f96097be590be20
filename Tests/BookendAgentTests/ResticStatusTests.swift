import BookendModel
import FoundationEssentials
import Testing

@testable import BookendAgent

/// How restic ended, and which status that is: by its exit code, and by its messages where an old restic says 1 for all.
@Suite struct ResticStatusTests {
    @Test(
        arguments: [
            (0, .successful), (1, .failed), (2, .failed), (3, .failed), (10, .repositoryMissing),
            (11, .repositoryLocked), (12, .wrongCredentials), (130, .killedBySignal), (143, .killedBySignal),
            (77, .failed), (255, .failed),
        ] as [(Int32, Status)])
    func `an exit code has its status`(code: Int32, status: Status) {
        let result = ResticTally().result(of: StageOutcome(ending: .exited(code)))
        #expect(result.status == status && result.didRun && result.details.exitCode == code)
    }

    @Test(
        arguments: [
            ("Fatal: wrong password or no key found", .wrongCredentials),
            ("Fatal: Resolving password failed: open /nowhere: no such file or directory", .wrongCredentials),
            ("unable to create lock in backend: repository is already locked exclusively by PID 7", .repositoryLocked),
            ("Is there a repository at the following location?", .repositoryMissing),
            ("Fatal: all source directories/files do not exist", .failed),
        ] as [(String, Status)])
    func `where an old restic says 1, its message decides`(text: String, status: Status) {
        var tally = ResticTally()
        _ = tally.take(StageLine(isError: true, text: text))
        #expect(tally.result(of: StageOutcome(ending: .exited(1))).status == status)
    }

    @Test func `a snapshot with unreadable files is successful with errors, and without one it is none`() {
        var tally = ResticTally()
        _ = tally.take(StageLine(isError: false, text: #"{"message_type":"summary","snapshot_id":"4f2a"}"#))
        #expect(tally.result(of: StageOutcome(ending: .exited(3))).status == .successfulWithErrors)
        #expect(ResticTally().result(of: StageOutcome(ending: .exited(3))).status == .failed)
    }

    @Test func `a signal is a signal, and an order to stop that came too late changes nothing`() {
        #expect(ResticTally().result(of: StageOutcome(ending: .signaled(9))).status == .killedBySignal)
        #expect(
            ResticTally().result(of: StageOutcome(ending: .exited(0), stopCause: .order)).status == .successful)
        #expect(
            ResticTally().result(of: StageOutcome(ending: .exited(130), stopCause: .order)).status == .windowExpired)
    }

    @Test(arguments: [(64, 1), (SnapshotSummary.longestID, 1), (SnapshotSummary.longestID + 1, nil)])
    func `a list of snapshots with an id that nobody could be told is none`(length: Int, count: Int?) {
        let id = String(repeating: "a", count: length)
        let list = Data("[{\"id\":\"\(id)\",\"time\":\"2026-11-23T02:00:00Z\"}]".utf8)
        #expect(ResticSnapshot.list(list)?.count == count)
    }
}
