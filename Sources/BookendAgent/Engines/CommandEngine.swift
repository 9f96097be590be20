package import BookendModel

/// A program that the agent's own configuration allows; its exit status is the outcome.
package struct CommandEngine: BackupEngine {
    private let plan: CommandPlan
    private let process: StageProcess
    private let guarding: GuardConfiguration
    private let copies: ScriptCopies

    package init(plan: CommandPlan, process: StageProcess, guarding: GuardConfiguration, copies: ScriptCopies) {
        self.plan = plan
        self.process = process
        self.guarding = guarding
        self.copies = copies
    }

    package func backup(
        _ order: EngineOrder, handle: StageHandle, onProgress: @escaping @Sendable (BackupProgress) -> Void
    ) async -> StageResult {
        let found: FoundScript
        switch ScriptFinding.find(plan, guarding: guarding) {
        case .refused(let reason): return StageResult(.refused, reason: reason)
        case .missing: return StageResult(.couldNotStart, reason: "\(plan.program) is not there")
        case .ready(let program): found = program
        }
        var program = StageProgram(path: plan.program, arguments: plan.arguments)
        program.environment["BOOKEND_JOB_ID"] = "\(order.job)"
        program.environment["BOOKEND_POLICY"] = "\(order.policy)"
        program.environment["BOOKEND_AGENT"] = "\(order.agent)"
        program.environment["BOOKEND_ATTEMPT"] = "\(order.attempt)"
        program.environment["BOOKEND_STAGE"] = Stage.backup.rawValue
        program.stdoutFile = order.files.stdout
        program.stderrFile = order.files.stderr
        program.resultFile = order.files.result
        program.outputLimit = order.files.limit
        program.isInterruptedWithoutAgent = true
        return await copies.run(program, as: found) { program in
            let outcome = await process.run(program, handle: handle)
            var result = ScriptStage.result(of: outcome, rule: .end)
            if outcome.stopCause != nil && result.status == .windowExpired { result.details.reason = "it was stopped" }
            return result
        }
    }
}
