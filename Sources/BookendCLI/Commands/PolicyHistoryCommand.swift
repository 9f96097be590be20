import ArgumentParser
import BookendModel

struct PolicyHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List a policy's revisions: when, by whom, and what each changed.",
        discussion: """
            The newest first. A revision that says again what an earlier one said, as
            after a rollback, names it.

            Examples:
              bookend policy history nightly-web
              bookend policy history nightly-web --limit 100 --output json
              bookend policy show nightly-web --revision 3
            """)

    @Argument(help: "The policy's name.")
    var policy: PolicyName
    @Option(help: "How many revisions, from 1 to 1000.")
    var limit = 20
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit: expected 1 to 1000") }
    }

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        // One more, for what the oldest that is shown changed.
        let revisions = try await coordinator.revisions(of: policy, limit: limit + 1)
        let steps = PolicyStep.steps(revisions).prefix(limit)
        let document = Document.object([
            "policy": .text(policy.rawValue), "revisions": .list(steps.map(\.document)),
        ])
        output.write(document) { terminal in
            let more = revisions.count > limit ? ["and earlier ones: --limit shows more"] : []
            return PolicyStep.table(Array(steps), now: .now).lines(terminal) + more
        }
    }
}
