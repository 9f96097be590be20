import BookendAgent
import BookendModel
import Logging
import Testing

/// A director with its journal, on a test's clock, with stages that the test ends.
struct DirectorBench {
    let journal: MemoryJournal
    let clock: TestClock
    let stages: FakeStages
    let director: JobDirector
    private let changes: AsyncStream<Void>

    /// Runs a director as an agent that starts does: it takes up what the journal holds first. It is shut down at the end.
    static func with(
        _ journal: MemoryJournal = MemoryJournal(agent: agentID), clock: TestClock = TestClock(), limit: Int = 4,
        policies: [PolicyRevision] = [.sample()], missing: Set<Stage> = [], found: StageEnd? = nil,
        answering lookup: StopOrder? = nil,
        _ body: @Sendable (DirectorBench) async throws -> Void
    ) async throws {
        let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let stages = FakeStages(missing: missing)
        if let found { stages.hold(found) }
        if let lookup { stages.answer(at: lookup) }
        var contents = try journal.load()
        contents.policies = policies
        let director = JobDirector(
            jobLimit: limit, contents: contents,
            surroundings: JobDirector.Surroundings(
                agent: agentID, journal: journal, stages: stages, clock: clock, reported: { _ in changed.yield() },
                progressed: { _ in }, logger: logger))
        let bench = DirectorBench(
            journal: journal, clock: clock, stages: stages, director: director, changes: changes)
        try await director.recover(try journal.load())
        try await withThrowingTaskGroup(of: Void.self) { group in
            let over = StopOrder()
            group.addTask { await director.runSlots() }
            group.addTask {
                await director.run()
                over.give()
            }
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(bench))
            } catch {
                result = .failure(error)
            }
            stages.close()
            await director.shutDown()
            while !over.isGiven {
                for _ in 0..<200 { await Task.yield() }
                clock.advance(by: .seconds(1))
            }
            try result.get()
        }
    }

    func statuses(of job: JobID) throws -> [String] {
        try journal.reports(of: job).map { report in
            "\(report.attempt) \(report.stage.map { "\($0.rawValue) " } ?? "")\(report.status.rawValue)"
        }
    }

    /// Returns once the job has reported this of itself.
    func until(_ job: JobID, is status: Status, count: Int = 1) async throws {
        func isThere() throws -> Bool {
            try journal.reports(of: job).filter { $0.stage == nil && $0.status == status }.count >= count
        }
        if try isThere() { return }
        for await _ in changes where try isThere() { return }
    }

    /// Returns once the condition holds; it is looked at whenever other tasks had their chance.
    func until(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<100_000 {
            if try await condition() { return }
            await Task.yield()
        }
        Issue.record("it never came true")
    }
}
