import BookendDaemon
import BookendModel
import Logging

/// Tries once more to run a post-script that is owed although its attempt is over.
struct DebtPayment: Sendable {
    let debt: JournaledDebt
    let surroundings: JobDirector.Surroundings
    /// Given when the agent stops. A post-script that runs is not cut short by it.
    let stopping: StopOrder

    var claimant: TurnQueue.Claimant { TurnQueue.Claimant(debt.job.trigger.job, debt: debt.attempt) }

    var claim: TurnQueue.Claim {
        TurnQueue.Claim(
            claimant, policy: debt.job.trigger.policy, group: debt.job.policy.flatMap { TurnQueue.Group($0.policy) })
    }

    /// Runs the post-script with the statuses that are known, reports its end, and settles the debt if it ran.
    ///
    /// What cannot be recorded is kept and tried again; that the script ran is never undone by a full disk.
    func pay() async -> DebtSettlement {
        var ledger = ledger
        // A failure is said in the log: the post-script runs all the same.
        _ = ledger.record([.postScriptStarting(attempt: debt.attempt, pre: debt.pre, backup: debt.backup)])
        let settlement = await run()
        await record(settlement, &ledger)
        return settlement
    }

    func forgive(by name: String, because reason: String) async -> DebtSettlement {
        let settlement = DebtSettlement(forgivenBy: name, because: reason)
        var ledger = ledger
        await record(settlement, &ledger)
        return settlement
    }

    private var ledger: JobLedger {
        JobLedger(
            journal: surroundings.journal, clock: surroundings.clock, trigger: ReportedTrigger(debt.job.trigger),
            reported: surroundings.reported, logger: surroundings.logger)
    }

    private func run() async -> DebtSettlement {
        guard let policy = debt.job.policy, let scripts = policy.policy.scripts else {
            // The journal records a debt only under a policy with scripts.
            return DebtSettlement(.couldNotStart(reason: "the journal has lost the job's policy"), judgedBy: .keep)
        }
        let context = AttemptContext(
            agent: surroundings.agent, trigger: debt.job.trigger, policy: policy, attempt: debt.attempt,
            maxAttempts: policy.policy.retry.attempts, deadline: debt.job.trigger.windowEnd, postRuns: debt.runs)
        let outcome = await surroundings.stages.runScript(
            .postScript, of: context, pre: debt.pre, backup: debt.backup, stop: StopOrder(), started: {})
        return DebtSettlement(outcome, judgedBy: scripts.postLeftProcesses)
    }

    /// Now; but after everything that the job has reported, also when the clock was set back since: of two ends of a
    /// stage the later counts.
    private var time: UnixTime {
        let now = surroundings.clock.now.wall
        // Reports that cannot be read, or were pruned, are old.
        let last = (try? surroundings.journal.reports(of: debt.job.trigger.job).map(\.at).max()) ?? nil
        return max(now, last.map { $0 + .milliseconds(1) } ?? now)
    }

    private func record(_ settlement: DebtSettlement, _ ledger: inout JobLedger) async {
        var entries: [JournalEntry] = [.debtSettled(attempt: debt.attempt, settlement.debt)]
        // An agent that starts often with the same open debt does not say the same each time.
        if settlement.debt != .unpaid(reason: debt.reason) {
            entries.append(
                .report(
                    attempt: debt.attempt, stage: .postScript, status: settlement.end.status,
                    at: time, details: settlement.end.details))
        }
        _ = ledger.record(entries)  // A failure is said in the log, and tried again below.
        await ledger.finish(stopping: stopping)
        surroundings.logger.log(
            level: settlement.isSettled ? .notice : .critical,
            settlement.isSettled ? "a debt is settled" : "an owed post-script could not be run",
            metadata: [
                "job.id": "\(debt.job.trigger.job)", "attempt": "\(debt.attempt)",
                "status": "\(settlement.end.status)", "reason": "\(settlement.end.details.reason)",
            ])
    }
}
