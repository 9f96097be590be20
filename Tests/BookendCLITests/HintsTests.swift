import BookendModel
import Testing

@testable import BookendCLI

/// The last line of `bookend backup --wait`.
struct HintsTests {
    private let trigger = Trigger(
        job: JobID(rawValue: 20), agent: AgentID(rawValue: "a1"), policy: PolicyName(rawValue: "nightly"), revision: 1,
        cause: .manual, scheduledStart: UnixTime(milliseconds: 0), notAfter: UnixTime(milliseconds: 60_000))

    private func job(_ stage: Stage?, _ status: Status) -> JobAggregate {
        JobAggregate(
            Report(
                origin: ReportOrigin(agent: trigger.agent, incarnation: 1, sequence: 1),
                trigger: ReportedTrigger(trigger), attempt: 1, stage: stage, status: status,
                at: UnixTime(milliseconds: 0)))
    }

    @Test func `logs are named only where something can have been printed`() throws {
        let offline = try #require(JobAggregate(TriggerRecord(trigger: trigger, state: .offline)))
        let told = BackupCommand.hints([offline])
        #expect(told.count == 1 && told[0].hasSuffix("see: bookend job 20"), "\(told)")
        let failed = BackupCommand.hints([job(.backup, .failed)])
        #expect(failed.count == 1 && failed[0].hasSuffix("see: bookend job 20, bookend logs 20"), "\(failed)")
        #expect(BackupCommand.hints([job(nil, .successful)]).isEmpty)
    }
}
