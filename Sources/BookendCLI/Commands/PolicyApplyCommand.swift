import ArgumentParser
import BookendCalendar
import BookendFiles
import BookendModel

struct PolicyApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make the fleet's policies what the files say.",
        discussion: """
            All files together, or nothing: when one policy is wrong, none is applied.
            Policies that no file names stay as they are. With --dry-run nothing is
            changed: each policy is named with the agents that it would begin to pick,
            that it would no longer pick, and that would get a new revision.

            Examples:
              bookend policy apply nightly-web.yaml
              bookend policy apply policies/ --dry-run
              bookend policy apply policies/ --dry-run --output json
              generate-policies | bookend policy apply -
            """)

    @OptionGroup var files: PolicyFiles
    @Flag(help: "Only say what would change.")
    var dryRun = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let policies = try PolicySet.read(paths: files.files, zones: TimeZones()).policies
        let coordinator = try await FleetClient(connection).coordinator()
        guard !dryRun else {
            let forecasts = try await coordinator.forecasts(policies)
            let document = Document.object(["is_dry_run": true, "policies": .list(forecasts.map(\.document))])
            return output.write(document) { terminal in
                forecasts.flatMap { $0.lines(terminal) } + ["nothing was applied: this was a dry run"]
            }
        }
        guard case .applied(let outcomes) = try await coordinator.control(.applyPolicies(policies, dryRun: false))
        else { throw coordinator.unexpected() }
        let document = Document.object([
            "is_dry_run": false, "policies": .list(outcomes.map(\.document)),
        ])
        output.write(document) { terminal in
            PolicyTables.outcomes(outcomes).lines(terminal)
        }
    }
}
