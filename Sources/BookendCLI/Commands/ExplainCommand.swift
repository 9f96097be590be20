import ArgumentParser
import BookendModel

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say which rules and events gave a job its statuses.",
        discussion: """
            Names, for each attempt, the row of the pipeline's truth table, the events
            that led to each status, and the rule that made the job's own.

            Example:
              bookend explain 42
            """)

    @Argument(help: "The job's id.")
    var job: JobID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let explanation = Explanation(try await FleetClient(connection).collector().job(job))
        output.write(explanation.document) { _ in explanation.lines.map(SafeText.line) }
    }
}

extension Explanation {
    var document: Document {
        .object([
            "headline": .text(headline), "before": .list(before.map(\.document)),
            "attempts": .list(
                attempts.map { attempt in
                    .object([
                        "attempt": Document(attempt.attempt), "row": Document(attempt.rowSentence),
                        "stages": .list(attempt.stages.map(Document.text)),
                        "events": .list(attempt.events.map(\.document)),
                    ])
                }),
            "conclusion": .text(conclusion),
        ])
    }
}
