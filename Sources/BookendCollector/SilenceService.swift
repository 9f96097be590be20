import BookendDaemon
import BookendModel
import Logging

/// Looks again and again for jobs that nobody speaks of any more, and has recorded what is inferred of them.
struct SilenceService: Sendable {
    /// Looked at in one go, at most, of each kind.
    private static let limit = 1_000

    let store: any ReportStore
    let intake: IntakeService
    let heard: LastHeard
    let rules: SilenceRules
    let interval: Duration
    let clock: any DaemonClock
    let logger: Logger

    /// Runs until the task is canceled.
    func run() async {
        var watch = SilenceWatch(rules: rules)
        while !Task.isCancelled {
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + interval)
            if Task.isCancelled { return }
            do throws(CollectorError) {
                let inferences = try look(&watch, isStoring: await intake.isStoring)
                if !inferences.isEmpty { try await intake.infer(inferences) }
            } catch {
                logger.error("silence could not be judged", metadata: ["error": "\(error)"])
            }
        }
    }

    /// - Parameter isStoring: Otherwise reports wait at their agents, and a job that has ended is in progress here.
    private func look(_ watch: inout SilenceWatch, isStoring: Bool) throws(CollectorError) -> [Inference] {
        let now = clock.now
        var open: [JobAggregate] = []
        for status in [Status.queued, .running, .waitingForRetry, .canceling, .agentLost] {
            var filter = JobFilter()
            filter.status = status
            filter.activeOnly = true
            filter.limit = Self.limit
            // The next page begins below an id: what shares it with this page's last one comes at the next look.
            while case let page = try store.jobs(filter), !page.isEmpty {
                open += page
                guard page.count == Self.limit, open.count < 20 * Self.limit else { break }
                filter.before = page.last?.job
            }
        }
        let due = try store.expectations(dueBefore: watch.deadline(at: now), limit: Self.limit)
        var signs = heard.all.mapValues { entry in
            let named = entry.activeJobs ?? []
            let isWhole = isStoring && named.count < IntakeBeacon.jobLimit
            return SignOfLife(
                at: entry.at.boot, activeJobs: Set(named.map(\.job)), allNamedAt: isWhole ? entry.beaconAt?.boot : nil)
        }
        for (agent, record) in heard.agentRecords where record.cannotRecord {
            signs[agent]?.journalProblem = record.journalProblem
        }
        return watch.look(
            at: now, signs: signs, coordinatorHeardAt: heard.coordinatorHeardAt?.boot, open: open, due: due)
    }
}
