import ArgumentParser
import BookendModel

struct PolicyListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the fleet's policies.",
        discussion: """
            Example:
              bookend policy list
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let policies = try await FleetClient(connection).coordinator().policies(.listPolicies)
        output.write(.object(["policies": .list(policies.map(\.document))])) { terminal in
            policies.isEmpty
                ? ["there is no policy yet: bookend policy apply FILE"]
                : PolicyTables.list(policies, now: .now).lines(terminal)
        }
    }
}
