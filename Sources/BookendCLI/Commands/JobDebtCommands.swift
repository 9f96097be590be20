import ArgumentParser
import BookendModel

struct JobPayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pay", abstract: "Run the post-script that a job owes.",
        discussion: """
            A post-script is owed when its pre-script ran and it could not be run: it was
            missing, or refused. Put that right on the agent's server first. The script is
            given the statuses that the attempt had. The job keeps its status; its
            post-script has a new one.

            Examples:
              bookend job pay 42
              bookend job pay 42 --attempt 2

            Exit status: 1 when it could not be run this time either.
            """)

    @Argument(help: "The job's id.")
    var job: JobID
    @Option(help: "Only what this attempt owes.")
    var attempt: Int?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await SettledDebts(.payDebts(job: job, attempt: attempt), of: job, connection).show(output)
    }
}

struct JobForgiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forgive", abstract: "Settle the post-script that a job owes without running it.",
        discussion: """
            For a service that was started by hand, or is no more. Who forgave it and why
            is kept with the job.

            Examples:
              bookend job forgive 42 --reason "postgresql was started by hand"
            """)

    @Argument(help: "The job's id.")
    var job: JobID
    @Option(help: "Why nothing needs to be run any more.")
    var reason: String
    @Option(help: "Only what this attempt owes.")
    var attempt: Int?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !reason.isEmpty, reason.utf8.count <= 1_000 else {
            throw ValidationError("--reason: expected 1 to 1000 bytes")
        }
    }

    func run() async throws {
        let request = AskRequest.forgiveDebts(job: job, attempt: attempt, by: "", reason: reason)
        try await SettledDebts(request, of: job, connection).show(output)
    }
}

/// What an agent answered to an order to settle debts.
private struct SettledDebts {
    private let job: JobID
    private let agent: AgentID
    private var debts: [SettledDebt] = []

    init(_ request: AskRequest, of job: JobID, _ connection: ConnectionOptions) async throws {
        self.job = job
        let fleet = try FleetClient(connection)
        agent = try await fleet.collector().job(job).agent
        var debts: [SettledDebt] = []
        // A post-script takes as long as it takes.
        try await fleet.coordinator().ask(agent, request, patience: nil) { (answer) throws(CLIError) in
            if case .settled(let list) = answer { debts += list }
        }
        self.debts = debts
    }

    func show(_ output: OutputOptions) throws {
        let document = Document.object([
            "job_id": Document(job.rawValue), "agent": .text(agent.rawValue),
            "debts": .list(
                debts.map { debt in
                    .object([
                        "attempt": Document(debt.attempt), "is_settled": .bool(debt.isSettled),
                        "post_script": debt.status.document, "reason": .text(debt.reason),
                    ])
                }),
        ])
        output.write(document) { terminal in
            debts.map { debt in
                let status = terminal.paint(debt.status.description, debt.isSettled ? debt.status.color : .bad)
                let reason = debt.reason.isEmpty ? "" : ": \(SafeText.line(debt.reason))"
                let verdict = debt.isSettled ? "is settled" : "is still owed"
                return "job \(job) on \(agent), attempt \(debt.attempt): the post-script \(verdict), \(status)\(reason)"
            }
        }
        if debts.contains(where: { !$0.isSettled }) { throw CLIError(.failed, "") }
    }
}
