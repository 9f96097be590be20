import ArgumentParser
import BookendModel

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "The fleet at a glance.",
        discussion: """
            Agents as the coordinator knows them, jobs as the collector does. Exit status 0 also when jobs have failed: ask
            bookend jobs --failed for those.

            Example:
              bookend status
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let fleet = try FleetClient(connection)
        let agents = try await fleet.coordinator().agents()
        let summary = try await fleet.collector().fleet()
        let glance = FleetGlance(agents: agents, summary: summary)
        output.write(glance.document) { glance.lines(.now, $0) }
    }
}
