import BookendAgent
import BookendModel
import BookendTestSupport
import Foundation
import Glibc
import Testing

@Suite struct ScriptStageTests {
    @Test func `arguments come by position and the environment is exactly the clean one`() async throws {
        try await Workbench.with { bench in
            let p = bench.path
            try bench.script(
                "printf '%s\\n' \"$0\" \"$@\" > \(p)/args; /usr/bin/env > \(p)/env", name: "post_script.sh")
            let result = await bench.stage.runPost(
                bench.plan, job: JobID(rawValue: 7), pre: .timedOut, backup: .successfulWithErrors,
                facts: ["ATTEMPT": "1"],
                files: StageFiles(), handle: StageHandle())
            #expect(result.status == .successful)
            #expect(bench.text("args") == "\(p)/scripts/post_script.sh\n7\n20\n5\n")
            let names = Set(bench.text("env").split(separator: "\n").map { $0.split(separator: "=")[0] })
            #expect(
                names.subtracting(["PWD", "SHLVL", "_"]) == [
                    "PATH", "HOME", "LANG", "BOOKEND_ATTEMPT", "BOOKEND_STAGE",
                ])
        }
    }

    @Test func `a script past its timeout is ended with the children that ignore SIGTERM`() async throws {
        try await Workbench.with { bench in
            let p = bench.path
            try bench.script(
                "trap '' TERM; (trap '' TERM; echo $BASHPID > \(p)/child; exec setsid sleep 600) & sleep 600")
            var program = StageProgram(path: p + "/scripts/pre_script.sh")
            program.timeout = .milliseconds(300)
            program.grace = .milliseconds(300)
            let outcome = await bench.process.run(program)
            #expect(outcome.stopCause == .timeout)
            // Much less than it sleeps; other tests may keep both cores busy for some seconds.
            #expect(outcome.duration < .seconds(120))
            #expect(!bench.isAlive("child"))
        }
    }

    @Test(arguments: ["setsid sleep 60 &", "(setsid env -i /bin/sleep 60 &) &"])
    func `a daemon that holds the output is found, named and ended`(start: String) async throws {
        try await Workbench.with { bench in
            try bench.script(start + " sleep 0.1; pgrep -n sleep > \(bench.path)/child")
            let result = await bench.pre()
            #expect(result.status == .leftProcessesBehind)
            #expect(result.details.leftProcesses.count == 1 && result.details.leftProcesses[0].hasSuffix(" sleep"))
            let pid = try #require(result.details.leftProcesses.first.flatMap { pid_t($0.split(separator: " ")[0]) })
            #expect(kill(pid, 0) == -1 && errno == ESRCH)
        }
    }

    @Test(arguments: [ScriptPlan.LeftProcesses.keep, .allow])
    func `a daemon may stay when the policy says so, and can go on writing`(rule: ScriptPlan.LeftProcesses) async throws
    {
        try await Workbench.with { bench in
            try bench.script(
                "setsid bash -c 'sleep 0.4; echo on; echo lives > \(bench.path)/mark; exec sleep 60' & exit 0")
            var plan = bench.plan
            plan.preLeftProcesses = rule
            let result = await bench.pre(plan)
            #expect(result.status == (rule == .allow ? .successful : .leftProcessesBehind))
            let pid = try #require(result.details.leftProcesses.first.flatMap { pid_t($0.split(separator: " ")[0]) })
            try await eventually("the daemon writes on") { bench.text("mark") == "lives\n" }
            #expect(kill(-pid, SIGKILL) == 0)
        }
    }

    @Test func `a script that prints 1 GiB costs little disk and is told apart`() async throws {
        try await Workbench.with { bench in
            try bench.script("echo first; head -c 1073741824 /dev/zero; echo last")
            let result = await bench.pre()
            #expect(result.status == .successful)
            let kept = try Data(contentsOf: URL(fileURLWithPath: bench.path + "/out"))
            #expect(
                kept.count < 1_100_000 && kept.prefix(6) == Data("first\n".utf8)
                    && kept.suffix(5) == Data("last\n".utf8))
        }
    }

    @Test func `each way to end has its own status`() async throws {
        try await Workbench.with { bench in
            #expect(await bench.pre().status == .skipped)
            try bench.script("exit 3")
            let failed = await bench.pre()
            #expect(failed.status == .failed && failed.details.exitCode == 3)
            #expect(bench.text("result").contains("\nexited 3\n"))
            try bench.script("kill -9 $$")
            #expect(await bench.pre().status == .killedBySignal)
            try bench.script("sleep 60")
            let handle = StageHandle()
            handle.end()
            #expect(await bench.pre(handle: handle).status == .windowExpired)
            try "echo no shebang".write(
                toFile: bench.path + "/scripts/pre_script.sh", atomically: false, encoding: .utf8)
            #expect(await bench.pre().status == .couldNotStart)
        }
    }

    @Test func `what others could have swapped is refused`() async throws {
        try await Workbench.with { bench in
            let file = bench.path + "/scripts/pre_script.sh"
            try bench.script("exit 0")
            chmod(file, 0o644)
            #expect(await bench.pre().status == .refused)
            chmod(file, 0o775)
            #expect(await bench.pre().status == .refused)
            chmod(file, 0o755)
            #expect(await bench.pre().status == .successful)
            chmod(bench.path + "/scripts", 0o1777)
            #expect(await bench.pre().status == .refused)
            chmod(bench.path + "/scripts", 0o755)
            unlink(file)
            symlink("/bin/true", file)
            #expect(await bench.pre().status == .refused)
            unlink(file)
            mkdir(file, 0o755)
            #expect(await bench.pre().status == .refused)
        }
    }

    @Test func `a script goes on and its end is recorded when the agent dies`() async throws {
        try await Workbench.with { bench in
            try bench.script("sleep 0.3; echo $$ > \(bench.path)/ran; exit 4")
            let agent = Process()
            agent.executableURL = URL(fileURLWithPath: Workbench.products + "/bookend-supervisor")
            agent.arguments = ["--result-file", bench.path + "/result", "--", bench.path + "/scripts/pre_script.sh"]
            agent.standardInput = FileHandle.nullDevice
            agent.standardOutput = Pipe()
            try agent.run()
            agent.waitUntilExit()
            #expect(bench.text("ran") != "(no file)")
            #expect(bench.text("result").contains("\nexited 4\n"))
        }
    }
}
