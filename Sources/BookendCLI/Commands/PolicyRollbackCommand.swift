import ArgumentParser
import BookendModel

struct PolicyRollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Apply an earlier revision of a policy again.",
        discussion: """
            Makes a new revision that says what the earlier one said; numbers are never
            used again. Jobs that run go on by the revision with which they began. A
            deleted policy comes back with --to.

            Examples:
              bookend policy rollback nightly-web
              bookend policy rollback nightly-web --to 3 --dry-run
            """)

    @Argument(help: "The policy's name.")
    var policy: PolicyName
    @Option(help: ArgumentHelp("The revision; the one before the present one unless set.", valueName: "revision"))
    var to: Int64?
    @Flag(help: "Only say what would change.")
    var dryRun = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let to, to < 1 { throw ValidationError("--to: revisions count from 1") }
    }

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        let number: Int64
        if let to {
            number = to
        } else {
            guard let current = try await coordinator.policies(.showPolicy(policy, revision: nil)).first else {
                throw coordinator.unexpected()
            }
            guard current.revision > 1 else {
                throw CLIError(.refused, "policy \(policy) is at revision 1: there is none before it")
            }
            number = current.revision - 1
        }
        guard let old = try await coordinator.policies(.showPolicy(policy, revision: number)).first else {
            throw coordinator.unexpected()
        }
        let head = Document.object(["is_dry_run": .bool(dryRun), "from_revision": Document(number)])
        if dryRun {
            let forecasts = try await coordinator.forecasts([old.policy])
            output.write(head + .object(["policies": .list(forecasts.map(\.document))])) { terminal in
                forecasts.flatMap { $0.lines(terminal) } + ["nothing was applied: this was a dry run"]
            }
            return
        }
        guard case .applied(let outcomes) = try await coordinator.control(.applyPolicies([old.policy], dryRun: false))
        else { throw coordinator.unexpected() }
        output.write(head + .object(["policies": .list(outcomes.map(\.document))])) { _ in
            outcomes.map { outcome in
                outcome.change == .unchanged
                    ? "policy \(outcome.name) is already as in revision \(number): it stays at revision \(outcome.revision)"
                    : "policy \(outcome.name) is at revision \(outcome.revision), which says what revision \(number) said"
            }
        }
    }
}
