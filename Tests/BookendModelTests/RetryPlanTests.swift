import BookendModel
import Testing

@Suite struct RetryPlanTests {
    private func waits(_ plan: RetryPlan, seed: UInt64 = 7) -> [Int64] {
        (1...6).map { plan.wait(after: $0, seed: seed).milliseconds / 1_000 }
    }

    @Test func `waits are the same, or grow up to the longest`() {
        #expect(waits(RetryPlan(attempts: 9, interval: .seconds(60))) == [60, 60, 60, 60, 60, 60])
        #expect(waits(RetryPlan(attempts: 9, interval: .seconds(60), backoff: 2)) == [60, 120, 240, 480, 960, 1_920])
        let bounded = RetryPlan(attempts: 9, interval: .seconds(60), backoff: 3, longestInterval: .seconds(600))
        #expect(waits(bounded) == [60, 180, 540, 600, 600, 600])
        #expect(waits(RetryPlan(attempts: 9, interval: .zero, backoff: 10)) == [0, 0, 0, 0, 0, 0])
    }

    @Test func `no number of attempts leads beyond a year`() {
        let plan = RetryPlan(attempts: 100, interval: .seconds(86_400), backoff: 10, jitterPercent: 1)
        for attempt in 1...100 { #expect(plan.wait(after: attempt, seed: .max) <= PolicyLimits.longestDuration) }
        #expect(plan.wait(after: 100, seed: 0) > .seconds(360 * 86_400))
    }

    @Test func `jitter shortens within its part, the same for the same seed, and spreads servers`() {
        let plan = RetryPlan(attempts: 9, interval: .seconds(1_000), backoff: 2, jitterPercent: 30)
        var seen: Set<Duration> = []
        for seed in 0..<1_000 as Range<UInt64> {
            for attempt in 1...3 {
                let wait = plan.wait(after: attempt, seed: seed)
                let full = Duration.seconds(1_000 << (attempt - 1))
                #expect(wait <= full && wait * 10 >= full * 7, "seed \(seed)")
                #expect(wait == plan.wait(after: attempt, seed: seed))
                if attempt == 1 { seen.insert(wait) }
            }
        }
        #expect(seen.count > 900)
        #expect(seen.min().map { $0 < .seconds(705) } == true && seen.max().map { $0 > .seconds(995) } == true)
    }

    @Test func `a policy may name the statuses after which it tries again`() {
        var plan = RetryPlan(attempts: 2, interval: .zero, onlyAfter: [.repositoryLocked, .timedOut])
        #expect(plan.isWorthRetry(preScript: .successful, backup: .repositoryLocked))
        #expect(!plan.isWorthRetry(preScript: .successful, backup: .failed))
        #expect(!plan.isWorthRetry(preScript: .successful, backup: Status(rawValue: 38)))
        #expect(plan.isWorthRetry(preScript: .timedOut, backup: .notRun))
        #expect(!plan.isWorthRetry(preScript: .failed, backup: .notRun))
        plan.onlyAfter = [.notRun]
        #expect(plan.isWorthRetry(preScript: .failed, backup: .notRun))
        #expect(!plan.isWorthRetry(preScript: .refused, backup: .notRun))
    }

    @Test func `nothing that is never worth a retry can be asked for`() {
        for status in RetryPlan.allRetryable {
            #expect(RetryPlan(attempts: 2, interval: .zero).isWorthRetry(preScript: nil, backup: status))
        }
        #expect(Set(RetryPlan.allRetryable).isDisjoint(with: [.windowExpired, .refused, .wrongCredentials]))
    }
}
