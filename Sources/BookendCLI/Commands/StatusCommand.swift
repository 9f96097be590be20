import ArgumentParser
import BookendModel

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "The fleet at a glance.",
        discussion: """
            Agents as the coordinator knows them, jobs as the collector does. Exit status
            0 also when jobs have failed: ask bookend jobs --failed for those. When one of
            the two cannot be reached, what the other knows is shown, and the exit status
            is 3.

            Example:
              bookend status
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let fleet = try FleetClient(connection)
        async let asked = result { () async throws(CLIError) in
            let coordinator = try await fleet.coordinator()
            let agents = try await coordinator.agents()
            // An older coordinator has none.
            let holds = (try? await coordinator.holds(.listHolds)) ?? []
            return (agents: agents, holds: holds)
        }
        async let counted = result { () async throws(CLIError) in try await fleet.collector().fleet() }
        async let found = result { () async throws(CLIError) in
            var filter = JobFilter()
            filter.status = .waitingForRetry
            return try await fleet.collector().jobs(filter, limit: 100)
        }
        let (agents, summary, waiting) = (await asked, await counted, await found)
        if case (.failure(let error), .failure) = (agents, summary) { throw error }
        let glance = FleetGlance(
            agents: try? agents.get().agents, summary: try? summary.get(),  // said below
            holds: (try? agents.get().holds) ?? [],  // the same
            waiting: (try? waiting.get()) ?? [])  // the same
        output.write(glance.document) { glance.lines(.now, $0) }
        if case .failure(let error) = agents { throw error }
        if case .failure(let error) = summary { throw error }
    }

    private func result<T: Sendable>(
        _ body: @Sendable () async throws(CLIError) -> T
    ) async -> Result<T, CLIError> {
        do throws(CLIError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
