import ArgumentParser
import BookendCalendar
import BookendFiles
import BookendModel

struct PolicyDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare policy files with what the coordinator has.",
        discussion: """
            Shows, key by key, what applying the files would change. With --exit-code the
            exit status is 1 when there is a difference.

            Examples:
              bookend policy diff policies/
              bookend policy diff --exit-code policies/ || echo "they differ"
            """)

    @OptionGroup var files: PolicyFiles
    @Flag(help: "Exit with 1 when something differs.")
    var exitCode = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let policies = try PolicySet.read(paths: files.files, zones: TimeZones()).policies
        let applied = try await FleetClient(connection).coordinator().policies(.listPolicies)
        let current = Dictionary(applied.map { ($0.policy.name, $0) }, uniquingKeysWith: { $1 })
        let diffs = policies.map { policy in
            (
                policy: policy, old: current[policy.name],
                diff: PolicyDiff(from: current[policy.name]?.policy, to: policy)
            )
        }
        let document = Document.object([
            "policies": .list(
                diffs.map { policy, old, diff in
                    .object([
                        "policy": .text(policy.name.rawValue), "revision": Document(old?.revision),
                        "is_changed": .bool(!diff.isEmpty),
                        "changes": .list(diff.changes.map(\.document)),
                    ])
                })
        ])
        output.write(document) { terminal in
            diffs.flatMap { policy, old, diff -> [String] in
                if diff.isEmpty { return ["policy \(policy.name): as revision \(old?.revision ?? 0)"] }
                let title = old.map { "differs from revision \($0.revision)" } ?? "is new"
                return ["policy \(policy.name) \(title):"] + diff.changes.flatMap { PolicyTables.lines($0, terminal) }
            }
        }
        if exitCode, diffs.contains(where: { !$0.diff.isEmpty }) { throw CLIError(.failed, "") }
    }
}
