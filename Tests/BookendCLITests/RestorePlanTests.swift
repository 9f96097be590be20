import BookendModel
import Testing

@testable import BookendCLI

/// What `bookend restore 12345678` means.
struct RestorePlanTests {
    /// A fleet in which there is one job, of this number.
    private func job(_ text: String, hasAgent: Bool = true, only number: Int64) async throws -> JobID? {
        let known = JobAggregate(
            Report(
                origin: ReportOrigin(agent: AgentID(rawValue: "a1"), incarnation: 1, sequence: 1),
                trigger: ReportedTrigger(
                    job: JobID(rawValue: number), policy: PolicyName(rawValue: "p"), revision: 1, cause: .manual,
                    scheduledStart: UnixTime(milliseconds: 0)),
                attempt: 1, stage: nil, status: .successful, at: UnixTime(milliseconds: 0)))
        return try await RestorePlan.job(text, hasAgent: hasAgent) { $0 == known.job ? known : nil }?.job
    }

    @Test(arguments: [42, 9_999_999, 10_000_000, 12_345_678_901_234] as [Int64])
    func `a number is a job, however long`(number: Int64) async throws {
        for hasAgent in [true, false] {
            #expect(try await job("\(number)", hasAgent: hasAgent, only: number)?.rawValue == number)
        }
    }

    @Test func `a number is a snapshot where there is no such job and the agent is named`() async throws {
        #expect(try await job("12345678", only: 7) == nil)
        #expect(try await job("99999999999999999999999999", only: 7) == nil)
        #expect(try await job("1a2b3c4d", hasAgent: false, only: 7) == nil)
        #expect(try await job("0", only: 7) == nil)
    }

    @Test func `a number that is neither is said to be no job`() async throws {
        for (text, hasAgent) in [("12345678", false), ("43", true), ("1234567", true)] {
            let error = await #expect(throws: CLIError.self) { try await job(text, hasAgent: hasAgent, only: 42) }
            #expect(error?.code == .refused && error?.message.hasPrefix("there is no job \(text)") == true)
        }
    }
}
