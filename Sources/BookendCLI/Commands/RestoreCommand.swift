import ArgumentParser
import BookendModel

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Restore files of a job, or of a snapshot, on an agent.",
        discussion: """
            Files are written below --to with their whole paths. The agent's own
            configuration says where that may be. A number is a job's id, and a snapshot's
            only where there is no such job; --snapshot leaves no doubt.

            Examples:
              bookend restore 42 --to /var/restore/42
              bookend restore 42 --to /srv/restore --include /etc/hosts --include /srv/www
              bookend restore 1a2b3c4d --agent web-1 --to /srv/restore --repository cloud
              bookend restore --snapshot 12345678 --agent web-1 --to /srv/restore

            Exit status: 1 when the restore failed, 4 when it was refused.
            """)

    @Argument(help: ArgumentHelp("A job's id, or a snapshot's.", valueName: "job|snapshot"))
    var source: String?
    @Option(help: "This snapshot, also when its id is a number.")
    var snapshot: String?
    @Option(help: "The agent that restores; for a job its own one unless named.")
    var agent: AgentID?
    @Option(help: "A new or empty directory on the agent's server.")
    var to: String
    @Option(help: ArgumentHelp("Only this path, as it was backed up; may be repeated.", valueName: "path"))
    var include: [String] = []
    @Option(help: "The repository, by its name on the agent; for a job its policy's, otherwise main.")
    var repository: RepositoryName?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (source == nil) != (snapshot == nil) else {
            throw ValidationError("expected a job, or a snapshot: <job|snapshot> or --snapshot")
        }
        guard source != "", snapshot != "" else { throw ValidationError("a snapshot's id is not empty") }
        guard to.hasPrefix("/") else {
            throw ValidationError("--to: expected an absolute path on the agent's server, found '\(to)'")
        }
    }

    func run() async throws {
        let fleet = try FleetClient(connection)
        let plan = try await RestorePlan(
            job: source, snapshot: snapshot, agent: agent, repository: repository, fleet)
        let request = AskRequest.restore(
            repository: plan.repository, snapshot: plan.snapshot, target: to, include: include)
        if Output.standardError.isTerminal {
            Output.note("restoring snapshot \(plan.snapshot.prefix(8)) on \(plan.agent) into \(to) …")
        }
        var summary: RestoreSummary?
        let coordinator = try await fleet.coordinator()
        try await coordinator.ask(plan.agent, request, patience: nil) { (answer) throws(CLIError) in
            if case .restored(let result) = answer { summary = result }
        }
        guard let summary else { throw coordinator.unexpected() }
        let document = Document.object([
            "status": summary.status.document, "reason": .text(summary.reason), "agent": .text(plan.agent.rawValue),
            "repository": .text(plan.repository.rawValue), "snapshot_id": .text(plan.snapshot), "target": .text(to),
            "files": Document(summary.files), "bytes": Document(summary.bytes),
        ])
        output.write(document) { terminal in
            let reason = summary.reason.isEmpty ? "" : ": \(SafeText.line(summary.reason))"
            guard summary.status.isSuccess else {
                return ["\(terminal.paint(summary.status.description, summary.status.color))\(reason)"]
            }
            return [
                "\(to) on \(plan.agent) holds \(Phrases.count(Int(summary.files), "file")), "
                    + "\(Phrases.bytes(summary.bytes)), after restoring snapshot \(plan.snapshot.prefix(8))"
            ]
        }
        if summary.status == .refused { throw CLIError(.refused, "") }
        if !summary.status.isSuccess { throw CLIError(.failed, "") }
    }
}

/// What is restored, from where, by whom.
struct RestorePlan: Sendable {
    let agent: AgentID
    let repository: RepositoryName
    let snapshot: String

    /// - Parameters:
    ///   - source: A job's id or a snapshot's.
    ///   - snapshot: A snapshot's id, whatever jobs there are.
    init(
        job source: String?, snapshot: String?, agent: AgentID?, repository: RepositoryName?, _ fleet: FleetClient
    ) async throws(CLIError) {
        var named: JobAggregate?
        if let source, snapshot == nil {
            named = try await Self.job(source, hasAgent: agent != nil) { (id) throws(CLIError) in
                try await fleet.collector().jobs([id]).first
            }
        }
        guard let job = named else {
            guard let agent else {
                throw CLIError(.usage, "a snapshot is restored by the agent that made it: name it with --agent")
            }
            self.agent = agent
            self.repository = repository ?? RepositoryName(rawValue: "main")
            self.snapshot = snapshot ?? source ?? ""
            return
        }
        guard
            let made = job.attempts.last(where: { $0.backup.details.snapshotID != nil })?.backup.details.snapshotID
        else {
            throw CLIError(
                .refused, "job \(job.job) made no snapshot: it is \(job.status); see: bookend job \(job.job)")
        }
        self.agent = agent ?? job.agent
        self.snapshot = made
        if let repository {
            self.repository = repository
        } else {
            self.repository = await Self.repository(of: job, fleet) ?? RepositoryName(rawValue: "main")
        }
    }

    /// The job that the text names; `nil`: it names a snapshot.
    static func job(
        _ text: String, hasAgent: Bool, find: (JobID) async throws(CLIError) -> JobAggregate?
    ) async throws(CLIError) -> JobAggregate? {
        guard let id = JobID(argument: text) else { return nil }
        if let job = try await find(id) { return job }
        // Shorter ones than restic's own are nobody's: a mistyped job must not restore what begins alike.
        guard hasAgent, text.utf8.count >= shortestSnapshot else {
            throw CLIError(
                .refused, "there is no job \(id); a snapshot whose id is a number: --snapshot \(text) --agent AGENT")
        }
        return nil
    }

    /// The repository that the job's policy named; `nil` when the coordinator does not know it any more.
    private static func repository(of job: JobAggregate, _ fleet: FleetClient) async -> RepositoryName? {
        let request = ControlRequest.showPolicy(job.policy, revision: job.revision)
        // A policy that is gone is no obstacle: its repository is then the default, or named by the operator.
        guard let revision = try? await fleet.coordinator().policies(request).first,
            case .restic(let plan) = revision.policy.engine
        else { return nil }
        return plan.repository
    }

    /// As restic prints them.
    private static let shortestSnapshot = 8
}
