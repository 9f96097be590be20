import ArgumentParser
import BookendModel

struct RehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse", abstract: "Run both scripts without a backup, and see whether the post-script copes.",
        discussion: """
            Runs the policy's pre-script and post-script on the agent's own server, now,
            as a job does, with no backup between them: it is 3 not-enabled. Whatever the
            pre-script stops is stopped for that long. The scripts find
            BOOKEND_TRIGGER=rehearsal. No count, report or objective takes a rehearsal for
            a backup.

            With --fault something goes wrong on purpose a second after the pre-script has
            begun (--after: when else), and the post-script is told of it in
            BOOKEND_PRE_STATUS and BOOKEND_BACKUP_STATUS:
              timeout   the pre-script and all that it started end as by its timeout: 20
              kill      the pre-script itself is killed from outside: 21
              cancel    the job is canceled; the pre-script runs to its end, the backup is 6
              expire    the job's window ends, and the pre-script with it: 22

            Exits with 0 if the post-script ended well and the fault did strike, with 1 if
            not: a pre-script that ended before that proves nothing. Ctrl-C leaves the job
            running. See also: bookend logs JOB, bookend explain JOB.

            Examples:
              bookend rehearse nightly-web --agent web-1
              bookend rehearse nightly-web --agent web-1 --fault timeout
              bookend rehearse nightly-web --agent web-1 --fault kill --after 100ms
            """)

    @Argument(help: "The policy's name.")
    var policy: PolicyName
    @Option(help: ArgumentHelp("The agent on whose server the scripts run.", valueName: "agent"))
    var agent: AgentID
    @Option(help: "What goes wrong while the pre-script runs.")
    var fault: StagedFault.Kind?
    @Option(help: ArgumentHelp("How long after the pre-script's start; 1s unless given.", valueName: "duration"))
    var after: DurationArgument?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard let after else { return }
        guard fault != nil else { throw ValidationError("--after says when a fault strikes: give --fault too") }
        guard StagedFault.delays.contains(after.duration) else { throw ValidationError("--after: at most 1h") }
    }

    func run() async throws {
        let staged = fault.map { StagedFault($0, after: after?.duration ?? StagedFault.usualDelay) }
        let order = RehearsalOrder(
            policy: policy, agent: agent, fault: staged,
            // Read later, it would be carried out although this command has said that it failed.
            validUntil: .now + DaemonLink.patience)
        let fleet = try FleetClient(connection)
        // Before the order, so that nothing of it is missed.
        let watch = try await BackupWatch(fleet)
        let coordinator = try await fleet.coordinator()
        guard case .triggered(let records) = try await coordinator.control(.rehearse(order)) else {
            throw coordinator.unexpected()
        }
        let jobs = try await watch.run(records, showsProgress: output.output == .table)
        guard let job = jobs.first else { throw coordinator.unexpected() }
        let verdict = RehearsalVerdict(job, fault: staged)
        output.write(.object(["job": job.document, "verdict": verdict.document])) { terminal in
            JobTables.stages(jobs).lines(terminal) + verdict.lines(terminal)
        }
        if !verdict.isProof { throw CLIError(.failed, "") }
    }
}
