import ArgumentParser
import BookendModel

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel jobs.",
        discussion: """
            A script that runs is not broken off: it runs to its end, the backup is stopped cleanly, and the post-script
            runs. Canceling twice does no harm.

            Examples:
              bookend cancel 42
              bookend cancel 42 43 44
            """)

    @Argument(help: "The jobs' ids.")
    var jobs: [JobID]
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        var records: [TriggerRecord] = []
        for job in jobs {
            guard case .canceled(let record) = try await coordinator.control(.cancel(job)) else {
                throw coordinator.unexpected()
            }
            records.append(record)
        }
        output.write(.object(["jobs": .list(records.map(\.document))])) { _ in
            records.map(\.cancelPhrase)
        }
    }
}

extension TriggerRecord {
    var cancelPhrase: String {
        let what =
            state == .withdrawn
            ? "withdrawn before it began; should its agent have begun it alone, it is canceled there" : "canceling"
        return "job \(trigger.job) on \(trigger.agent): \(what); see: bookend job \(trigger.job)"
    }
}
