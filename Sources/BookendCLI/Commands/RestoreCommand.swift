import ArgumentParser
import BookendModel

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Restore files of a job, or of a snapshot, on an agent.",
        discussion: """
            Files are written below --to with their whole paths. The agent's own configuration says where that may be.

            Examples:
              bookend restore 42 --to /var/restore/42
              bookend restore 42 --to /var/restore/hosts --include /etc/hosts --include /srv/www
              bookend restore 1a2b3c4d --agent web-1 --to /var/restore/old --repository cloud

            Exit status: 1 when the restore failed, 4 when it was refused.
            """)

    @Argument(help: ArgumentHelp("A job's id, or a snapshot's.", valueName: "job|snapshot"))
    var source: String
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
        guard to.hasPrefix("/") else {
            throw ValidationError("--to: expected an absolute path on the agent's server, found '\(to)'")
        }
    }

    func run() async throws {
        let fleet = try FleetClient(connection)
        let plan = try await RestorePlan(source, agent: agent, repository: repository, fleet)
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

    init(
        _ source: String, agent: AgentID?, repository: RepositoryName?, _ fleet: FleetClient
    ) async throws(CLIError) {
        guard let id = Self.job(source) else {
            guard let agent else {
                throw CLIError(.usage, "a snapshot is restored by the agent that made it: name it with --agent")
            }
            self.agent = agent
            self.repository = repository ?? RepositoryName(rawValue: "main")
            snapshot = source
            return
        }
        let job = try await fleet.collector().job(id)
        guard
            let snapshot = job.attempts.last(where: { $0.backup.details.snapshotID != nil })?.backup.details.snapshotID
        else {
            throw CLIError(.refused, "job \(id) made no snapshot: it is \(job.status); see: bookend job \(id)")
        }
        self.agent = agent ?? job.agent
        self.snapshot = snapshot
        if let repository {
            self.repository = repository
        } else {
            self.repository = await Self.repository(of: job, fleet) ?? RepositoryName(rawValue: "main")
        }
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

    /// Snapshots have at least eight digits and letters; a shorter number is a job's.
    static func job(_ text: String) -> JobID? {
        guard text.utf8.count < 8 else { return nil }
        return JobID(argument: text)
    }
}
