import BookendModel

/// Judges scripts as the start of their stage would, without running them.
struct ScriptExaminer: Sendable {
    let guarding: GuardConfiguration

    /// Blocks for as long as the file system does.
    func survey(_ policy: PolicyRevision, at now: UnixTime) -> ScriptSurvey {
        var survey = ScriptSurvey(revision: policy.revision, at: now)
        if let plan = policy.policy.scripts {
            survey.pre = finding(.preScript, of: plan)
            survey.post = finding(.postScript, of: plan)
        }
        return survey
    }

    private func finding(_ stage: Stage, of plan: ScriptPlan) -> ScriptSurvey.Finding {
        switch ScriptFinding.find(stage, of: plan, guarding: guarding) {
        case .missing: .missing
        case .refused(let reason): .unsafe(reason)
        case .ready(let script): ScriptCopies.mismatch(of: script).map(ScriptSurvey.Finding.differs) ?? .ready
        }
    }
}
