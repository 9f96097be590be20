package import BookendModel

/// Runs the pre-script or the post-script of a policy, and says which status it came to.
package struct ScriptStage: Sendable {
    /// What a script is told beside its arguments, without the prefix `BOOKEND_`.
    package typealias Facts = [String: String]

    private let process: StageProcess
    private let guarding: GuardConfiguration
    private let statusMaps: [String: StatusMap]
    private let home: String
    private let copies: ScriptCopies
    private let start: ScriptStart

    package init(
        process: StageProcess, guarding: GuardConfiguration, statusMaps: [String: StatusMap] = [:],
        home: String = "/root", copies: ScriptCopies, start: ScriptStart = .child
    ) {
        self.process = process
        self.guarding = guarding
        self.statusMaps = statusMaps
        self.home = home
        self.copies = copies
        self.start = start
    }

    package func find(_ stage: Stage, of plan: ScriptPlan) -> ScriptFinding {
        ScriptFinding.find(stage, of: plan, guarding: guarding)
    }

    /// - Parameters:
    ///   - files: Where the output is kept: paths of standard output, standard error and the result file.
    ///   - started: Called once the script has begun; never for one that could not be started.
    package func runPre(
        _ plan: ScriptPlan, job: JobID, facts: Facts, files: StageFiles, handle: StageHandle,
        started: @escaping @Sendable () async -> Void = {}
    ) async -> StageResult {
        await run(
            .preScript, plan, ["\(job)"], facts, files, handle, started, timeout: plan.preTimeout,
            rule: plan.preLeftProcesses)
    }

    /// Gives the script both statuses through the policy's profile; a map that the agent does not have is 23.
    package func runPost(
        _ plan: ScriptPlan, job: JobID, pre: Status, backup: Status, facts: Facts, files: StageFiles,
        handle: StageHandle, started: @escaping @Sendable () async -> Void = {}
    ) async -> StageResult {
        let numbers: [Int32]
        switch plan.statusProfile {
        case .native: numbers = [pre.rawValue, backup.rawValue]
        case .basic: numbers = [pre.basic.rawValue, backup.basic.rawValue]
        case .map(let name):
            guard let map = statusMaps[name] else {
                return StageResult(.refused, reason: "this agent's configuration has no status map named \(name)")
            }
            numbers = [map(pre), map(backup)]
        }
        return await run(
            .postScript, plan, ["\(job)"] + numbers.map(String.init), facts, files, handle, started,
            timeout: plan.postTimeout, rule: plan.postLeftProcesses)
    }

    private func run(
        _ stage: Stage, _ plan: ScriptPlan, _ arguments: [String], _ facts: Facts, _ files: StageFiles,
        _ handle: StageHandle, _ started: @escaping @Sendable () async -> Void, timeout: Duration?,
        rule: ScriptPlan.LeftProcesses
    ) async -> StageResult {
        switch find(stage, of: plan) {
        case .missing: return StageResult(.skipped, reason: "there is no \(stage.rawValue) in \(plan.directory)")
        case .refused(let reason): return StageResult(.refused, reason: reason)
        case .ready(let script):
            var program = StageProgram(
                path: script.path, arguments: arguments,
                environment: StageProgram.cleanEnvironment(home: script.user?.home ?? home), leftProcesses: rule)
            for (key, value) in facts { program.environment["BOOKEND_\(key)"] = value }
            program.environment["BOOKEND_STAGE"] = stage.rawValue
            program.stdoutFile = files.stdout
            program.stderrFile = files.stderr
            program.resultFile = files.result
            program.mayRunUnrecorded = stage == .postScript
            program.outputLimit = files.limit
            program.timeout = timeout
            program.dropsCapabilities = true
            program.mayGainPrivileges = script.mayGainPrivileges
            if let user = script.user {
                program.user = user
                program.environment["USER"] = user.name
                program.environment["LOGNAME"] = user.name
            }
            if let systemdRun = start.systemdRun {
                let name = "bookend-job-\(arguments.first ?? "0")-\(stage.rawValue)"
                program.service = TransientService(
                    systemdRun: systemdRun, unit: "\(name)-\(UInt32.random(in: 0 ... .max)).service",
                    description: "Bookend: \(stage.rawValue) of job \(arguments.first ?? "0")")
            }
            return await copies.run(program, as: script) { await run($0, rule, handle, started) }
        }
    }

    private func run(
        _ program: StageProgram, _ rule: ScriptPlan.LeftProcesses, _ handle: StageHandle,
        _ started: @escaping @Sendable () async -> Void
    ) async -> StageResult {
        ScriptStage.result(of: await process.run(program, handle: handle, onStart: started), rule: rule)
    }

    /// The status of a script by how it ended. Why it was ended comes first, then a failing exit, then what it left: a
    /// script that exits with 1 and leaves a process is 1, and the process is named all the same.
    static func result(of outcome: StageOutcome, rule: ScriptPlan.LeftProcesses) -> StageResult {
        var details = ReportDetails(outcome)
        let status: Status
        switch (outcome.stopCause, outcome.ending) {
        case (_, .couldNotStart):
            return StageResult(status: .couldNotStart, details: details, didRun: false)
        case (.timeout, _):
            status = .timedOut
            details.reason = "it did not end within its timeout"
        case (.order, _), (.interrupt, _):
            status = .windowExpired
            details.reason = "the job's window expired"
        case (nil, .lost): status = .killedBySignal
        case (nil, .signaled(let number)):
            status = .killedBySignal
            details.reason = "signal \(number) from outside ended it"
        case (nil, .exited(0)) where !outcome.leftProcesses.isEmpty && rule != .allow:
            status = .leftProcessesBehind
            details.reason =
                "it left processes running, which were \(rule == .end ? "ended" : "kept"): "
                + outcome.leftProcesses.joined(separator: ", ")
        case (nil, .exited(0)): status = .successful
        case (nil, .exited(let code)):
            status = .failed
            details.reason = "it ended with exit code \(code)"
        }
        return StageResult(status: status, details: details, didRun: true)
    }
}

extension ScriptCopies {
    /// Runs a program from where it was found, or from a copy that was checked when it is pinned.
    func run(
        _ program: StageProgram, as script: FoundScript, _ body: (StageProgram) async -> StageResult
    ) async -> StageResult {
        guard !script.digests.isEmpty else { return await body(program) }
        switch make(of: script) {
        case .refused(let reason): return StageResult(.refused, reason: reason)
        case .failed(let reason):
            return StageResult(.couldNotStart, reason: "no copy of \(script.path) could be made: \(reason)")
        case .made(let copy):
            defer { copy.remove() }
            var program = program
            program.run(copy)
            return await body(program)
        }
    }
}

extension StageProgram {
    /// Runs a copy in place of the file, with the file's path as argument 0.
    ///
    /// Of a script that begins with `#!` the kernel would make the copy's path argument 0. A shell is therefore told to read
    /// the copy; other interpreters get to know the path by `BOOKEND_SCRIPT`.
    fileprivate mutating func run(_ copy: ScriptCopy) {
        environment["BOOKEND_SCRIPT"] = path
        self.copy = copy.path
        if let shell = copy.shell {
            arguments = shell.dropFirst() + ["-c", ". \(ScriptCopy.openedPath)", path] + arguments
            path = shell[0]
        } else {
            executable = ScriptCopy.openedPath
        }
    }
}
