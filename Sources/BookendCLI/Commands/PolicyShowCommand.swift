import ArgumentParser
import BookendFiles
import BookendModel

struct PolicyShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a policy as its file would say it.",
        discussion: """
            What is shown can be applied again. The jobs that it starts next stand before
            it.

            Examples:
              bookend policy show nightly-web
              bookend policy show nightly-web --revision 3 > old.yaml
            """)

    @Argument(help: "The policy's name.")
    var policy: PolicyName
    @Option(help: "An earlier revision.")
    var revision: Int64?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        guard let found = try await coordinator.policies(.showPolicy(policy, revision: revision)).first else {
            throw coordinator.unexpected()
        }
        let slots = revision == nil ? try await coordinator.slots(of: policy, limit: 100) : []
        output.write(found.document + .object(["slots": .list(slots.map(\.document))])) { _ in
            let by = SafeText.line(found.appliedBy)
            let origin = "# revision \(found.revision), applied \(found.appliedAt.rfc3339) by \(by)"
            let next = slots.prefix(10).map { slot in
                let start = slot.trigger.scheduledStart.rfc3339
                return "# next: \(start) on \(slot.trigger.agent), job \(slot.trigger.job)"
            }
            let more = slots.count > 10 ? ["# and more: bookend agents AGENT shows those of one agent"] : []
            return [origin] + next + more
                + PolicyFile.render(found.policy).split(separator: "\n").map { SafeText.line(String($0)) }
        }
    }
}
