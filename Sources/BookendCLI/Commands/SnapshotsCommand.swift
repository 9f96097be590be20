import ArgumentParser
import BookendModel

struct SnapshotsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshots", abstract: "List the snapshots that an agent made.",
        discussion: """
            Examples:
              bookend snapshots --agent web-1
              bookend snapshots --agent web-1 --policy nightly-web --repository cloud
            """)

    @Option(help: "The agent, which looks into its repository.")
    var agent: AgentID
    @Option(help: "Only snapshots of this policy.")
    var policy: PolicyName?
    @Option(help: "The repository, by its name on the agent.")
    var repository = RepositoryName(rawValue: "main")
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        var snapshots: [SnapshotSummary] = []
        let request = AskRequest.snapshots(repository: repository, policy: policy)
        try await FleetClient(connection).coordinator().ask(agent, request, patience: .seconds(120)) {
            (answer) throws(CLIError) in
            if case .snapshots(let piece) = answer { snapshots += piece }
        }
        snapshots.sort { $0.at < $1.at }
        output.write(.object(["snapshots": .list(snapshots.map(\.document))])) { terminal in
            guard !snapshots.isEmpty else { return ["there is no snapshot of \(agent) in \(repository)"] }
            var table = Table([
                .init("SNAPSHOT"), .init("MADE"), .init("TAGS", shrinksTo: 10), .init("PATHS", shrinksTo: 10),
            ])
            for snapshot in snapshots {
                table.append([
                    .init(String(snapshot.id.prefix(8))), .init(Phrases.relative(snapshot.at, to: .now)),
                    .init(snapshot.tags.joined(separator: " ")), .init(snapshot.paths.joined(separator: " ")),
                ])
            }
            return table.lines(terminal)
        }
    }
}
