import BookendAgent
import BookendDigest
import BookendFiles
import BookendModel
import BookendTestSupport
import Foundation
import Glibc
import Testing

@Suite struct ResticEngineTests {
    private let order = EngineOrder(
        policy: PolicyName(rawValue: "p"), job: JobID(rawValue: 7), agent: AgentID(rawValue: "a"), attempt: 1)

    private func engine(
        _ bench: Workbench, sources: [String]? = nil, password: String = "pw", initializes: Bool = true,
        restic: String = "restic"
    ) throws -> ResticEngine {
        mkdir(bench.path + "/source", 0o755)
        try "hi".write(toFile: bench.path + "/source/file", atomically: true, encoding: .utf8)
        try password.write(toFile: bench.path + "/" + password, atomically: true, encoding: .utf8)
        return ResticEngine(
            plan: ResticPlan(repository: RepositoryName(rawValue: "r"), sources: sources ?? [bench.path + "/source"]),
            repository: RepositoryConfiguration(
                location: .plain(bench.path + "/repo"), passwordFile: bench.path + "/" + password,
                initializes: initializes),
            process: bench.process, stateDirectory: bench.path, restic: restic)
    }

    private func run(_ engine: ResticEngine, _ handle: StageHandle = StageHandle()) async -> StageResult {
        await engine.backup(order, handle: handle) { _ in }
    }

    @Test func `a backup makes the repository, a tagged snapshot, and can be restored`() async throws {
        try await Workbench.with { bench in
            #expect(await run(try engine(bench, initializes: false)).status == .repositoryMissing)
            let engine = try engine(bench)
            let result = await run(engine)
            #expect(result.status == .successful && result.details.filesProcessed == 1, "\(result)")
            let listed = await engine.snapshots(tags: ["bookend-job=7"])
            #expect(listed.snapshots?.count == 1 && listed.snapshots?[0].hostname == "a")
            let id = try #require(result.details.snapshotID)
            #expect(await engine.restore(snapshot: id, into: bench.path + "/back").status == .successful)
            #expect(bench.text("back" + bench.path + "/source/file") == "hi")
            let unknown = await engine.restore(snapshot: "deadbeef", into: bench.path + "/other")
            #expect(unknown.status == .failed, "\(unknown)")
            #expect(unknown.details.reason.hasPrefix("repository r has no snapshot deadbeef; those that it has: "))

            let missing = await run(try self.engine(bench, sources: [bench.path + "/source", "/nope"]))
            #expect(
                missing.status == .successfulWithErrors && missing.details.errors == ["/nope does not exist, skipping"])
            #expect(await run(try self.engine(bench, sources: ["/nope"])).status == .failed)
            let unreadable = await run(try self.engine(bench, sources: [bench.path + "/source", "/proc/self/mem"]))
            #expect(unreadable.status == .successfulWithErrors && unreadable.details.exitCode == 3, "\(unreadable)")
            #expect(await run(try self.engine(bench, password: "bad")).status == .wrongCredentials)
            #expect(await run(try self.engine(bench, restic: "restic-is-not-here")).status == .couldNotStart)
        }
    }

    @Test func `a backup that is stopped leaves no lock`() async throws {
        try await Workbench.with { bench in
            #expect(await run(try engine(bench)).status == .successful)
            let big = bench.path + "/source/big"
            #expect(creat(big, 0o644) >= 0 && truncate(big, 200 << 30) == 0)
            let handle = StageHandle()
            let engine = try engine(bench)
            async let ended = run(engine, handle)
            try await eventually("restic's lock") { resticLocks(of: bench.path + "/repo").count == 1 }
            handle.interrupt()
            let result = await ended
            #expect(result.status == .windowExpired && result.details.exitCode == 130, "\(result)")
            #expect(resticLocks(of: bench.path + "/repo") == [])
        }
    }

    @Test func `a repository that another restic holds is locked`() async throws {
        try await Workbench.with { bench in
            let engine = try engine(bench)
            #expect(await run(engine).status == .successful)
            try await withLockedRepository(bench.path + "/repo", passwordFile: bench.path + "/pw") {
                let result = await run(engine)
                #expect(result.status == .repositoryLocked, "\(result)")
            }
        }
    }

    @Test func `a command must be allowed, and its exit status is the outcome`() async throws {
        try await Workbench.with { bench in
            for (program, allowed, status) in [
                ("/bin/true", ["/bin/true"], Status.successful), ("/bin/false", ["/bin/false"], .failed),
                ("/bin/true", ["/bin/false"], .refused), ("/nope", ["/nope"], .couldNotStart),
            ] {
                var guarding = GuardConfiguration()
                guarding.commands = allowed.map { .init(path: $0) }
                #expect(await run(CommandPlan(program: program), guarding, bench).status == status)
            }
        }
    }

    private func run(_ plan: CommandPlan, _ guarding: GuardConfiguration, _ bench: Workbench) async -> StageResult {
        let copies = ScriptCopies(stateDirectory: bench.path + "/state")
        let engine = CommandEngine(plan: plan, process: bench.process, guarding: guarding, copies: copies)
        return await engine.backup(order, handle: StageHandle()) { _ in }
    }

    @Test func `a command runs with the arguments that the server allows, and with no others`() async throws {
        try await Workbench.with { bench in
            let (program, said) = (bench.path + "/scripts/engine", bench.path + "/said")
            try bench.script("echo \"$*\" >>\(said)", name: "engine")
            var guarding = GuardConfiguration()
            guarding.commands = [
                .init(path: program, arguments: ["--full", "/srv"]), .init(path: program, arguments: []),
            ]
            for arguments in [["--full", "/srv"], []] {
                #expect(
                    await run(CommandPlan(program: program, arguments: arguments), guarding, bench).status
                        == .successful)
            }
            for arguments in [
                ["--full"], ["/srv", "--full"], ["--full", "/srv", "--checkpoint-action=exec=sh"], ["--full /srv"],
            ] {
                let result = await run(CommandPlan(program: program, arguments: arguments), guarding, bench)
                #expect(result.status == .refused && result.details.reason.hasSuffix("but not with these arguments"))
            }
            #expect(bench.text("said") == "--full /srv\n\n")
            guarding.commands.append(.init(path: program))
            #expect(
                await run(CommandPlan(program: program, arguments: ["--any"]), guarding, bench).status == .successful)
        }
    }

    @Test func `a command that others could have swapped, or that is not the pinned one, does not run`() async throws {
        try await Workbench.with { bench in
            let (program, said) = (bench.path + "/scripts/engine", bench.path + "/said")
            try bench.script("echo \"$0 $*\" >>\(said)", name: "engine")
            var guarding = GuardConfiguration()
            guarding.commands = [.init(path: program)]
            let plan = CommandPlan(program: program, arguments: ["a"])
            for path in [program, bench.path + "/scripts"] {
                chmod(path, 0o777)
                let open = await run(plan, guarding, bench)
                #expect(open.status == .refused && open.details.reason.contains("\(path) can be written by others"))
                chmod(path, 0o755)
                chown(path, 4_711, 0)
                let theirs = await run(plan, guarding, bench)
                #expect(theirs.status == .refused && theirs.details.reason.contains("\(path) belongs to user 4711"))
                chown(path, geteuid(), 0)
            }
            chmod(program, 0o644)
            #expect(await run(plan, guarding, bench).details.reason.contains("is not executable"))
            chmod(program, 0o755)
            #expect(bench.text("said") == "(no file)")

            let digest = "\(SHA256.hash(try Data(contentsOf: URL(fileURLWithPath: program))))"
            // It holds for the path, whichever item allows the arguments.
            guarding.commands.append(.init(path: program, arguments: [], sha256: digest))
            #expect(await run(plan, guarding, bench).status == .successful)
            #expect(bench.text("said") == "\(program) a\n")
            try bench.script("echo evil >>\(said)", name: "engine")
            let changed = await run(plan, guarding, bench)
            #expect(changed.status == .refused && changed.details.reason.contains("its SHA-256 is"), "\(changed)")
            #expect(bench.text("said") == "\(program) a\n")
        }
    }
}
