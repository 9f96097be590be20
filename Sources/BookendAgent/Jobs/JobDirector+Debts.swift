package import BookendModel

/// The debts that outlived their attempts.
extension JobDirector {
    /// Post-scripts that are owed by attempts that are over, in ascending order of job and attempt.
    package func openDebts() throws(AgentError) -> [JournaledDebt] {
        try surroundings.journal.openDebts()
    }

    /// Tries once more to run the post-scripts that a job owes; waits for its turn.
    ///
    /// - Parameter attempt: `nil`: of every attempt that owes one.
    /// - Throws: ``RemoteFailure`` when nothing is owed, or the agent stops.
    package func payDebts(of job: JobID, attempt: Int?) async throws(RemoteFailure) -> [SettledDebt] {
        var settled: [SettledDebt] = []
        let payments = try begin(job, attempt)
        defer { for payment in payments { end(payment) } }
        for payment in payments {
            guard let settlement = await pay(payment) else {
                throw RemoteFailure(.unavailable, "the agent stops; the debt is tried again when it starts")
            }
            settled.append(SettledDebt(payment.debt, settlement))
        }
        return settled
    }

    /// Settles debts without running anything.
    package func forgiveDebts(
        of job: JobID, attempt: Int?, by name: String, because reason: String
    ) async throws(RemoteFailure) -> [SettledDebt] {
        var settled: [SettledDebt] = []
        let payments = try begin(job, attempt)
        defer { for payment in payments { end(payment) } }
        for payment in payments {
            settled.append(SettledDebt(payment.debt, await payment.forgive(by: name, because: reason)))
        }
        countDebts()
        return settled
    }

    /// The debts that are meant, from here to ``JobDirector/end(_:)`` in nobody else's hands.
    private func begin(_ job: JobID, _ attempt: Int?) throws(RemoteFailure) -> [DebtPayment] {
        let debts: [JournaledDebt]
        do throws(AgentError) {
            debts = try openDebts()
        } catch {
            throw RemoteFailure(.failed, error.message)
        }
        let meant = debts.filter { $0.job.trigger.job == job && (attempt ?? $0.attempt) == $0.attempt }
        guard !meant.isEmpty else {
            throw RemoteFailure(
                .notFound, "job \(job)\(attempt.map { ", attempt \($0)," } ?? "") owes no post-script on this agent")
        }
        let payments = meant.map { payment(of: $0) }
        guard begin(payments) else {
            throw RemoteFailure(.unavailable, "job \(job)'s debt is being settled now: see bookend job \(job)")
        }
        return payments
    }
}

extension SettledDebt {
    init(_ debt: JournaledDebt, _ settlement: DebtSettlement) {
        self.init(
            attempt: debt.attempt, status: settlement.end.status, reason: settlement.end.details.reason,
            isSettled: settlement.isSettled)
    }
}
