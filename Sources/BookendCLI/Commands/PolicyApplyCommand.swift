import ArgumentParser
import BookendCalendar
import BookendFiles
import BookendModel

struct PolicyApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make the fleet's policies what the files say.",
        discussion: """
            All files together, or nothing: when one policy is wrong, none is applied. Policies that no file names stay as
            they are.

            Examples:
              bookend policy apply nightly-web.yaml
              bookend policy apply policies/ --dry-run
            """)

    @OptionGroup var files: PolicyFiles
    @Flag(help: "Only say what would change.")
    var dryRun = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let policies = try PolicySet.read(paths: files.files, zones: TimeZones()).policies
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .applied(let outcomes) = try await coordinator.control(.applyPolicies(policies, dryRun: dryRun))
        else { throw coordinator.unexpected() }
        let document = Document.object([
            "is_dry_run": .bool(dryRun), "policies": .list(outcomes.map(\.document)),
        ])
        output.write(document) { terminal in
            let lines = PolicyTables.outcomes(outcomes).lines(terminal)
            return lines + (dryRun ? ["nothing was applied: this was a dry run"] : [])
        }
    }
}
