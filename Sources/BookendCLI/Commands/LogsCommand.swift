import ArgumentParser
import BookendModel

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what a job's scripts and engine printed.",
        discussion: """
            The output is fetched from the job's agent, byte by byte as it was printed:
            standard output to standard output, standard error to standard error. On a
            terminal each stage has a heading. It may hold secrets.

            Examples:
              bookend logs 42
              bookend logs 42 --stage post-script
              bookend logs 42 --attempt 1 > first-attempt.txt
              bookend logs 42 --follow
            """)

    @Argument(help: "The job's id.")
    var job: JobID
    @Option(help: ArgumentHelp("Only this stage: pre-script, backup or post-script.", valueName: "stage"))
    var stage: Stage?
    @Option(help: "This attempt; otherwise the latest.")
    var attempt: Int?
    @Flag(name: [.short, .long], help: "Go on until the job ends.")
    var follow = false
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard attempt ?? 1 > 0 else { throw ValidationError("--attempt: expected a number from 1 on") }
    }

    func run() async throws {
        let fleet = try FleetClient(connection)
        let job = try await fleet.collector().job(job)
        if let attempt, attempt > job.attempts.count, !follow || job.isOver {
            throw CLIError(
                .refused,
                "job \(job.job) has no attempt \(attempt): it made \(Phrases.count(job.attempts.count, "attempt")) and is "
                    + "\(job.status)")
        }
        do throws(CLIError) {
            try await show(job, fleet)
        } catch {
            throw error.code == .refused && !part.isEmpty ? CLIError(.refused, "\(part): \(error.message)") : error
        }
    }

    /// What was asked for of the job; empty: all of its latest attempt.
    private var part: String {
        [attempt.map { "attempt \($0)" }, stage?.rawValue].compactMap(\.self).joined(separator: ", ")
    }

    private func show(_ aggregate: JobAggregate, _ fleet: FleetClient) async throws(CLIError) {
        let request = AskRequest.logs(job: job, attempt: attempt, stage: stage, follow: follow)
        var headings = LogHeadings(isShown: Output.standardOutput.isTerminal)
        try await fleet.coordinator().ask(
            aggregate.agent, request, patience: follow ? nil : .seconds(60),
            isWanted: { !Output.standardOutput.isClosed }
        ) {
            (answer) throws(CLIError) in
            // An empty piece only shows that the agent is still there.
            guard case .log(let chunk) = answer, !chunk.data.isEmpty else { return }
            if let heading = headings.heading(before: chunk) {
                Output.standardOutput.write(Terminal.current.paint(heading, .faint) + "\n")
            }
            switch chunk.stream {
            case .standardOutput: Output.standardOutput.write(chunk.data)
            case .standardError: Output.standardError.write(chunk.data)
            }
        }
    }
}

/// Says when another attempt's or stage's output begins.
struct LogHeadings: Sendable {
    private let isShown: Bool
    private var current: (attempt: Int, stage: Stage)?

    init(isShown: Bool) {
        self.isShown = isShown
    }

    mutating func heading(before chunk: LogChunk) -> String? {
        guard isShown, current?.attempt != chunk.attempt || current?.stage != chunk.stage else { return nil }
        current = (chunk.attempt, chunk.stage)
        return "── \(chunk.stage.rawValue), attempt \(chunk.attempt)"
    }
}
