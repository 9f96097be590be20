import ArgumentParser
import BookendModel

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel jobs.",
        discussion: """
            A script that runs is not broken off: it runs to its end, the backup is
            stopped cleanly, and the post-script runs. Canceling twice does no harm, and
            neither does canceling a job that is over: its status stays, and the exit
            status is 0, as nothing of it runs any more. An agent that is offline goes on
            until it is back, and hears of it then.

            Examples:
              bookend cancel 42
              bookend cancel 42 43 44
            """)

    @Argument(help: "The jobs' ids.")
    var jobs: [JobID]
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let fleet = try FleetClient(connection)
        let over = await overAlready(fleet)
        let coordinator = try await fleet.coordinator()
        var results: [Result] = []
        var failures: [CLIError] = []
        for job in jobs {
            if let found = over[job] {
                results.append(.over(found))
                continue
            }
            do throws(CLIError) {
                guard case .canceled(let record) = try await coordinator.control(.cancel(job)) else {
                    throw coordinator.unexpected()
                }
                results.append(.canceling(record))
            } catch {
                guard error.code == .refused else { throw error }
                // The others are canceled all the same.
                failures.append(error)
            }
        }
        let offline = await whoIsOffline(coordinator, results)
        output.write(.object(["jobs": .list(results.map { $0.document(offline) })])) { _ in
            results.map { $0.line(offline) }
        }
        for failure in failures.dropLast() { Output.complain(failure.message) }
        if let last = failures.last { throw last }
    }

    /// Those of the jobs that have a final status. Nothing keeps the others from being canceled, nor a collector that is
    /// away: the cancel then comes too late at the agent, which is no harm.
    private func overAlready(_ fleet: FleetClient) async -> [JobID: JobAggregate] {
        do throws(CLIError) {
            let known = try await fleet.collector().jobs(jobs).filter(\.status.isFinal)
            return Dictionary(known.map { ($0.job, $0) }, uniquingKeysWith: { $1 })
        } catch {
            Output.note("whether a job is over already is not known: \(error.message)")
            return [:]
        }
    }

    /// What is canceled is canceled, whether or not this can be asked; `nil`: not known.
    private func whoIsOffline(_ coordinator: DaemonLink, _ results: [Result]) async -> Set<AgentID>? {
        guard results.contains(where: { if case .canceling = $0 { true } else { false } }) else { return nil }
        do throws(CLIError) {
            return Set(try await coordinator.agents().filter { !$0.isOnline }.map(\.id))
        } catch {
            Output.note("whether the agents are online is not known: \(error.message)")
            return nil
        }
    }

    /// What became of one job's cancel.
    private enum Result {
        case canceling(TriggerRecord)
        case over(JobAggregate)

        func line(_ offline: Set<AgentID>?) -> String {
            switch self {
            case .canceling(let record):
                record.cancelPhrase(isOffline: offline?.contains(record.trigger.agent) ?? false)
            case .over(let job): "job \(job.job) is over: \(job.status); nothing to cancel"
            }
        }

        func document(_ offline: Set<AgentID>?) -> Document {
            switch self {
            case .canceling(let record):
                record.document
                    + .object([
                        "is_over": false,
                        "is_online": offline.map { .bool(!$0.contains(record.trigger.agent)) } ?? .null,
                    ])
            case .over(let job):
                .object([
                    "job_id": Document(job.job.rawValue), "agent": .text(job.agent.rawValue),
                    "policy": .text(job.policy.rawValue), "is_canceled": .bool(job.status == .canceled),
                    "status": job.status.document, "is_over": true,
                ])
            }
        }
    }
}

extension TriggerRecord {
    func cancelPhrase(isOffline: Bool) -> String {
        let what =
            switch state {
            case .withdrawn: "withdrawn before it began; should its agent have begun it alone, it is canceled there"
            default: isOffline ? "its agent is offline, and is told to cancel it when it is back" : "canceling"
            }
        return "job \(trigger.job) on \(trigger.agent): \(what); see: bookend job \(trigger.job)"
    }
}
