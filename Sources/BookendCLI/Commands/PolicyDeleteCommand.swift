import ArgumentParser
import BookendModel

struct PolicyDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Take a policy away from the fleet.",
        discussion: """
            Jobs that run go on; snapshots and results stay. Applying the policy again
            brings it back. When there is no such policy as one of those that are named,
            none is deleted.

            Examples:
              bookend policy delete nightly-web
              bookend policy delete nightly-web nightly-db
            """)

    @Argument(help: "The policies' names.")
    var policies: [PolicyName]
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        let known = try await Set(coordinator.policies(.listPolicies).map(\.policy.name))
        let unknown = policies.filter { !known.contains($0) }.map(\.rawValue).joined(separator: ", ")
        guard unknown.isEmpty else {
            throw CLIError(.refused, "there is no policy \(unknown): nothing was deleted; see: bookend policy list")
        }
        for policy in Set(policies).sorted() {
            _ = try await coordinator.policies(.deletePolicy(policy))
            Output.write("policy \(policy) is deleted")
        }
    }
}
