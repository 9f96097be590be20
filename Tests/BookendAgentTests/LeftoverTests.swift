import BookendAgent
import BookendModel
import BookendTestSupport
import Foundation
import Glibc
import Testing

/// What an agent that died leaves running, and the one that starts next ends.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LeftoverTests {
    /// A shell that stands for the agent: it holds the supervisor's input, and is killed with `kill -9`.
    private func diedAgent(
        _ bench: Workbench, _ options: [String] = [], waitingFor file: String = "started", recorded: String = "program"
    ) async throws -> RunningStages {
        let running = RunningStages(stateDirectory: bench.path)
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8).prefix { $0 != "\n" }
        let record = bench.path + "/running/\(boot)/7.1.pre-script"
        let supervisor = [Workbench.products + "/bookend-supervisor", "--result-file", record] + options
        let agent = Process()
        agent.executableURL = URL(fileURLWithPath: "/bin/bash")
        agent.arguments =
            [
                "-c", "coproc S { exec setsid \"$@\"; }; echo ${S_PID} > \(bench.path)/supervisor; wait", "agent",
            ] + supervisor + ["--", bench.path + "/scripts/pre_script.sh"]
        try agent.run()
        try await eventually("the script writes \(file)") { bench.text(file) != "(no file)" }
        // The script is quicker than its record.
        try await eventually("the record says \(recorded)") {
            let text = (try? String(contentsOfFile: record, encoding: .utf8)) ?? ""  // Not there yet.
            return text.contains("\n\(recorded) ")
        }
        kill(agent.processIdentifier, SIGKILL)
        // Not `waitUntilExit`: that waits for whatever holds the agent's descriptors too.
        try "\(agent.processIdentifier)".write(toFile: bench.path + "/agent", atomically: true, encoding: .utf8)
        try await eventually("the agent's end") { !bench.isAlive("agent") }
        return running
    }

    @Test func `the whole tree of a script is ended, also what ignores SIGTERM or made a session of its own`()
        async throws
    {
        try await Workbench.with { bench in
            let p = bench.path
            try bench.script(
                """
                trap '' TERM
                setsid bash -c 'echo $$ > \(p)/away; exec sleep 300' &
                bash -c "trap '' TERM; echo \\$\\$ > \(p)/deaf; sleep 300; sleep 300" &
                echo $$ > \(p)/leader
                while ! [ -s \(p)/away ] || ! [ -s \(p)/deaf ]; do sleep 0.01; done
                touch \(p)/started
                sleep 300; sleep 300
                """)
            let running = try await diedAgent(bench)
            for name in ["leader", "away", "deaf", "supervisor"] { #expect(bench.isAlive(name), "\(name)") }
            let ended = await running.endLeftovers(grace: .milliseconds(500))
            for name in ["leader", "away", "deaf", "supervisor"] { #expect(!bench.isAlive(name), "\(name)") }
            #expect(ended.contains { $0.hasSuffix(" sleep") })
            #expect(await running.endLeftovers().isEmpty, "the record is gone")
        }
    }

    @Test
    func `what is left of a script that was ended itself does not stay, though its policy would keep what it leaves`()
        async throws
    {
        try await Workbench.with { bench in
            let p = bench.path
            try bench.script(
                """
                bash -c "trap '' TERM; echo \\$\\$ > \(p)/deaf; sleep 300; sleep 300" &
                setsid bash -c "trap '' TERM; echo \\$\\$ > \(p)/away; sleep 300; sleep 300" &
                while ! [ -s \(p)/deaf ] || ! [ -s \(p)/away ]; do sleep 0.01; done
                touch \(p)/started
                sleep 300; sleep 300
                """)
            let running = try await diedAgent(bench)
            _ = await running.endLeftovers(grace: .milliseconds(500))
            for name in ["deaf", "away", "supervisor"] { #expect(!bench.isAlive(name), "\(name)") }
        }
    }

    @Test func `a program whose supervisor was killed with the agent is found too`() async throws {
        try await Workbench.with { bench in
            try bench.script("echo $$ > \(bench.path)/started; exec sleep 300")
            let running = try await diedAgent(bench)
            kill(try #require(pid_t(bench.text("supervisor").dropLast())), SIGKILL)
            #expect(bench.isAlive("started"))
            #expect(await running.endLeftovers(grace: .milliseconds(500)).count == 1)
            #expect(!bench.isAlive("started"))
        }
    }

    @Test(arguments: [true, false])
    func `what a script left that had ended goes or stays as the policy says`(ends: Bool) async throws {
        try await Workbench.with { bench in
            try bench.script(
                "setsid bash -c 'echo $$ > \(bench.path)/left; exec sleep 300' & sleep 0.3; touch \(bench.path)/started"
            )
            let running = try await diedAgent(bench, ends ? ["--end-left"] : [], recorded: "exited")
            let ended = await running.endLeftovers(grace: .seconds(10))
            #expect(bench.isAlive("left") == !ends, "\(ended)")
            if let pid = pid_t(bench.text("left").dropLast()) { kill(pid, SIGKILL) }
        }
    }

    @Test func `a pid that is somebody else's by now is left alone`() async throws {
        try await Workbench.with { bench in
            let running = RunningStages(stateDirectory: bench.path)
            let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
            let other = Process()
            other.executableURL = URL(fileURLWithPath: "/bin/sleep")
            other.arguments = ["60"]
            try other.run()
            defer { other.terminate() }
            let file = bench.path + "/running/\(boot.prefix { $0 != "\n" })/7.1.backup"
            // Never a pid that would be somebody's if this broke: only the sleep's, and words.
            for text in [
                "supervisor \(other.processIdentifier) 12\nprogram \(other.processIdentifier) 12\n", "supervisor", "",
                "program \(other.processIdentifier) x\n", "program x 5\n",
            ] {
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                #expect(await running.endLeftovers().isEmpty)
                #expect(other.isRunning)
            }
            mkdir(bench.path + "/running/another-boot", 0o700)
            #expect(await running.endLeftovers().isEmpty)
            #expect(access(bench.path + "/running/another-boot", F_OK) != 0)
        }
    }

    @Test func `a supervisor whose agent is gone before the start starts nothing`() async throws {
        try await Workbench.with { bench in
            try bench.script("touch \(bench.path)/started")
            let pipe = Pipe()
            let supervisor = Process()
            supervisor.executableURL = URL(fileURLWithPath: Workbench.products + "/bookend-supervisor")
            supervisor.arguments = [
                "--result-file", bench.path + "/result", "--", bench.path + "/scripts/pre_script.sh",
            ]
            supervisor.standardInput = pipe.fileHandleForReading
            supervisor.standardOutput = FileHandle.nullDevice
            try pipe.fileHandleForWriting.close()
            try supervisor.run()
            supervisor.waitUntilExit()
            #expect(bench.text("started") == "(no file)" && bench.text("result").contains("could-not-start"))
        }
    }

    @Test func `an engine without its agent is interrupted, and killed by nobody`() async throws {
        try await Workbench.with { bench in
            // While a child of the shell runs, an interrupt that the child survives would be none to the shell: it waits by
            // itself.
            try bench.script(
                """
                trap 'echo int > \(bench.path)/int; exit 130' INT
                mkfifo \(bench.path)/gate
                exec 9<>\(bench.path)/gate
                touch \(bench.path)/started
                read -r <&9
                """)
            let running = try await diedAgent(bench, ["--on-orphan", "interrupt"])
            try await eventually("the engine notes its interrupt") { bench.text("int") == "int\n" }
            #expect(await running.endLeftovers().isEmpty || !bench.isAlive("supervisor"))
        }
    }
}
