import ArgumentParser
import BookendModel

struct DebtsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "debts", abstract: "List post-scripts that are owed and could not be run.",
        discussion: """
            What their pre-scripts stopped is still stopped. Each is tried again when its
            agent starts, and with bookend job pay.

            Examples:
              bookend debts
              bookend debts --agent web-1 --output json

            Exit status: 1 when a post-script is owed, or an agent could not be asked.
            """)

    @Option(help: "Only this agent; otherwise every agent that says that it owes one.")
    var agent: AgentID?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        var owing: [AgentID] = agent.map { [$0] } ?? []
        if agent == nil {
            owing = try await coordinator.agents().filter { $0.openDebts > 0 }.map(\.id)
        }
        var debts: [(agent: AgentID, debt: OpenDebt)] = []
        var silent: [(agent: AgentID, reason: String)] = []
        for agent in owing {
            do throws(CLIError) {
                try await coordinator.ask(agent, .debts, patience: .seconds(30)) { (answer) throws(CLIError) in
                    if case .debts(let list) = answer { debts += list.map { (agent, $0) } }
                }
            } catch {
                silent.append((agent, error.message))
            }
        }
        output.write(document(debts, silent)) { terminal in lines(debts, terminal) }
        for (agent, reason) in silent { Output.note("\(agent) could not be asked: \(SafeText.line(reason))") }
        if !debts.isEmpty || !silent.isEmpty { throw CLIError(.failed, "") }
    }

    private func lines(_ debts: [(agent: AgentID, debt: OpenDebt)], _ terminal: Terminal) -> [String] {
        guard !debts.isEmpty else { return ["no post-script is owed"] }
        var table = Table([
            .init("AGENT", shrinksTo: 8), .init("JOB", .right), .init("ATTEMPT", .right),
            .init("POLICY", shrinksTo: 8), .init("STARTED"), .init("WHY IT COULD NOT BE RUN", shrinksTo: 6),
        ])
        for (agent, debt) in debts {
            table.append([
                .init(agent.rawValue), .init(debt.job.description), .init("\(debt.attempt)"),
                .init(debt.policy.rawValue), .init(Phrases.relative(debt.scheduledStart, to: .now)),
                .init(debt.reason, .bad),
            ])
        }
        return table.lines(terminal) + ["", "put it right on the server, then: bookend job pay JOB"]
    }

    private func document(
        _ debts: [(agent: AgentID, debt: OpenDebt)], _ silent: [(agent: AgentID, reason: String)]
    ) -> Document {
        .object([
            "debts": .list(
                debts.map { agent, debt in
                    .object([
                        "agent": .text(agent.rawValue), "job_id": Document(debt.job.rawValue),
                        "attempt": Document(debt.attempt), "policy": .text(debt.policy.rawValue),
                    ]) + .time("scheduled_start", debt.scheduledStart) + .object(["reason": .text(debt.reason)])
                }),
            "not_asked": .list(
                silent.map { .object(["agent": .text($0.agent.rawValue), "reason": .text($0.reason)]) }),
        ])
    }
}
