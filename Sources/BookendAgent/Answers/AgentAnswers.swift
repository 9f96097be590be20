package import BookendDaemon
import BookendFiles
package import BookendModel
import FoundationEssentials
import Glibc

/// Answers what operators ask of this agent: outputs, snapshots, restores.
package struct AgentAnswers: AskAnswering {
    /// Debts that one answer names.
    private static let debtLimit = 1_000

    private let stages: ServerStages
    private let output: OutputStore
    private let permissions: GuardConfiguration
    private let clock: any DaemonClock
    private let director: JobDirector

    package init(
        stages: ServerStages, output: OutputStore, permissions: GuardConfiguration, clock: any DaemonClock,
        director: JobDirector
    ) {
        self.stages = stages
        self.output = output
        self.permissions = permissions
        self.clock = clock
        self.director = director
    }

    package func answer(
        _ request: AskRequest, send: @Sendable (AskAnswer) async throws -> Void
    ) async throws {
        switch request {
        case .logs(let job, let attempt, let stage, let follow):
            let reader = LogReader(store: output, clock: clock) {
                await director.activeJobs.contains { $0.job == job }
            }
            try await reader.send(job, attempt: attempt, stage: stage, follow: follow, send: send)
        case .snapshots(let repository, let policy):
            let tags = policy.map { ["bookend-policy=\($0)"] } ?? []
            let (snapshots, result) = try await engine(repository).snapshots(tags: tags)
            guard let snapshots else { throw RemoteFailure(.failed, "\(result.status): \(result.details.reason)") }
            // In pieces: a long list must not become one huge frame.
            for start in stride(from: 0, to: max(1, snapshots.count), by: 200) {
                try await send(.snapshots(snapshots.dropFirst(start).prefix(200).map(SnapshotSummary.init)))
            }
        case .restore(let repository, let snapshot, let target, let include):
            try await send(.restored(restore(snapshot, from: repository, into: target, include)))
        case .debts:
            try await send(.debts(director.openDebts().prefix(Self.debtLimit).map(OpenDebt.init)))
        case .payDebts(let job, let attempt):
            try await send(.settled(director.payDebts(of: job, attempt: attempt)))
        case .forgiveDebts(let job, let attempt, let name, let reason):
            try await send(.settled(director.forgiveDebts(of: job, attempt: attempt, by: name, because: reason)))
        case .makeKey, .useKey:
            throw RemoteFailure(.failed, "this agent's key is kept elsewhere")  // see ``KeyAnswers``
        }
    }

    private func engine(_ repository: RepositoryName) throws(RemoteFailure) -> ResticEngine {
        try stages.engine(for: ResticPlan(repository: repository, sources: []))
    }

    private func restore(
        _ snapshot: String, from repository: RepositoryName, into target: String, _ include: [String]
    ) async throws(RemoteFailure) -> RestoreSummary {
        let engine = try engine(repository)
        let directory = try RestoreTarget(target, allowed: permissions.restoreDirectories)
        let result = await engine.restore(snapshot: snapshot, into: directory.path, paths: include)
        let isEmpty = directory.removeIfEmpty()
        guard result.status == .successful else {
            return RestoreSummary(status: result.status, reason: result.details.reason, files: 0, bytes: 0)
        }
        if isEmpty {
            let paths = include.isEmpty ? "no file" : "nothing at \(include.joined(separator: ", "))"
            return RestoreSummary(
                status: .failed,
                reason: "snapshot \(snapshot) of repository \(repository) has \(paths): name paths as they were backed "
                    + "up; bookend snapshots --agent AGENT --repository \(repository) shows of which sources it is",
                files: 0, bytes: 0)
        }
        let (files, bytes) = contents(of: directory.path)
        return RestoreSummary(status: result.status, reason: result.details.reason, files: files, bytes: bytes)
    }

    /// Regular files below a directory and their bytes.
    private func contents(of directory: String) -> (files: Int64, bytes: Int64) {
        var (files, bytes): (Int64, Int64) = (0, 0)
        // What cannot be listed is restored all the same.
        for path in (try? FileManager.default.subpathsOfDirectory(atPath: directory)) ?? [] {
            var status = stat()
            guard lstat("\(directory)/\(path)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            files += 1
            bytes += Int64(status.st_size)
        }
        return (files, bytes)
    }
}

extension OpenDebt {
    init(_ debt: JournaledDebt) {
        self.init(
            job: debt.job.trigger.job, attempt: debt.attempt, policy: debt.job.trigger.policy,
            scheduledStart: debt.job.trigger.scheduledStart, reason: debt.reason)
    }
}
