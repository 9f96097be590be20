import ArgumentParser
import BookendModel

struct PolicyDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Take a policy away from the fleet.",
        discussion: """
            Jobs that run go on; snapshots and results stay. Applying the policy again brings it back.

            Example:
              bookend policy delete nightly-web
            """)

    @Argument(help: "The policies' names.")
    var policies: [PolicyName]
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        for policy in policies {
            _ = try await coordinator.policies(.deletePolicy(policy))
            Output.write("policy \(policy) is deleted")
        }
    }
}
