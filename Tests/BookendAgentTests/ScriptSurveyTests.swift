import BookendDigest
import BookendModel
import BookendTestSupport
import Foundation
import Glibc
import Synchronization
import Testing

@testable import BookendAgent

/// Scripts that are looked at long before they run.
@Suite struct ScriptSurveyTests {
    private func policy(_ bench: Workbench, pre: String? = nil) -> PolicyRevision {
        var revision = PolicyRevision.sample(
            scripts: ScriptPlan(directory: bench.path + "/scripts", preSHA256: pre))
        revision.revision = 7
        return revision
    }

    private func survey(_ bench: Workbench, pre: String? = nil) -> ScriptSurvey {
        ScriptExaminer(guarding: bench.guarding).survey(policy(bench, pre: pre), at: .at(1_000))
    }

    @Test func `a script is judged as the start of its stage would judge it`() async throws {
        try await Workbench.with { bench in
            #expect(survey(bench) == ScriptSurvey(revision: 7, at: .at(1_000), pre: .missing, post: .missing))
            try bench.script("exit 0")
            #expect(survey(bench).pre == .ready && survey(bench).post == .missing)
            let path = bench.path + "/scripts/pre_script.sh"
            let digest = "\(SHA256.hash(try Data(contentsOf: URL(fileURLWithPath: path))))"
            #expect(survey(bench, pre: digest).pre == .ready)
            let other = String(repeating: "0", count: 64)
            guard case .differs(let reason)? = survey(bench, pre: other).pre else {
                Issue.record("it is taken for the one that is pinned")
                return
            }
            #expect(reason.contains(digest) && reason.contains(other))
            chmod(path, 0o757)
            guard case .unsafe(let reason)? = survey(bench).pre else {
                Issue.record("others can write it")
                return
            }
            #expect(reason.contains("pre_script.sh"))
            let bare = PolicyRevision.sample(scripts: nil)
            #expect(ScriptExaminer(guarding: bench.guarding).survey(bare, at: .at(1)).pre == nil)
        }
    }

    /// Finds nothing until it is told to.
    private final class SlowServer: AgentServer {
        let looks = Mutex<[([PolicyRevision], @Sendable ([PolicyName: ScriptSurvey]?) -> Void)]>([])

        var stages: any AttemptStages { FakeStages() }
        func endLeftovers() async -> [String] { [] }
        func answering(for director: JobDirector) -> any AskAnswering { fatalError("nobody asks") }
        func tidy() {}
        func survey(
            _ policies: [PolicyRevision], at now: UnixTime,
            _ found: @escaping @Sendable ([PolicyName: ScriptSurvey]?) -> Void
        ) {
            looks.withLock { $0.append((policies, found)) }
        }

        func finish(_ surveys: [PolicyName: ScriptSurvey]?) {
            looks.withLock { $0.removeFirst() }.1(surveys)
        }
    }

    @Test func `nobody waits for a look that hangs, and one goes on at a time`() {
        let server = SlowServer()
        let surveyor = ScriptSurveyor(server: server)
        let policy = PolicyRevision.sample(scripts: nil)
        let found = [policy.policy.name: ScriptSurvey(revision: 1, at: .at(1))]
        func ask(_ second: Int64, _ policies: [PolicyRevision]) -> [PolicyName: ScriptSurvey]? {
            surveyor.surveys(of: policies, at: Moment(wall: .at(second), boot: BootTime(milliseconds: second * 1_000)))
        }
        var looks: Int { server.looks.withLock(\.count) }
        #expect(ask(0, [policy]) == nil && looks == 1)
        #expect(ask(500, [policy]) == nil && looks == 1)
        server.finish(found)
        #expect(ask(501, [policy]) == found && looks == 1)  // it began long ago
        server.finish(found)
        #expect(ask(560, [policy]) == found && looks == 0)
        // What is not the agent's any more is not told, and another policy is looked at now.
        #expect(ask(560, []) == [:] && looks == 1)
        // One that could not be begun leaves what is known.
        server.finish(nil)
        #expect(ask(561, [policy]) == found && looks == 1)
        server.finish(found)
        #expect(ask(620, [policy]) == found && looks == 0)
        #expect(ask(621, [policy]) == found && looks == 1)
    }
}
