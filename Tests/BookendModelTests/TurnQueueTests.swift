import BookendModel
import Testing

@Suite struct TurnQueueTests {
    private func claim(_ job: Int64, _ policy: String = "p", group: TurnQueue.Group? = .unnamed) -> TurnQueue.Claim {
        TurnQueue.Claim(self.job(job), policy: PolicyName(rawValue: policy), group: group)
    }

    private func job(_ number: Int64, debt: Int? = nil) -> TurnQueue.Claimant {
        TurnQueue.Claimant(JobID(rawValue: number), debt: debt)
    }

    @Test func `a debt has a turn of its own, which its job's next attempt waits for`() {
        var queue = TurnQueue(limit: 9)
        queue.take(TurnQueue.Claim(job(1, debt: 1), policy: PolicyName(rawValue: "p"), group: .unnamed))
        #expect(queue.request(claim(1)) == [])
        #expect(queue.request(claim(2, "q")) == [])
        #expect(queue.release(job(1, debt: 1)) == [job(1)])
        #expect(queue.release(job(1)) == [job(2)])
    }

    @Test func `attempts with scripts wait for each other, others do not`() {
        var queue = TurnQueue(limit: 9)
        #expect(queue.request(claim(1, "a")) == [job(1)])
        #expect(queue.request(claim(2, "b")) == [])
        #expect(queue.request(claim(3, "c", group: .named("x"))) == [job(3)])
        #expect(queue.request(claim(4, "d", group: nil)) == [job(4)])
        #expect(queue.release(job(1)) == [job(2)])
    }

    @Test func `jobs of one policy queue, with and without scripts`() {
        var queue = TurnQueue(limit: 9)
        #expect(queue.request(claim(1, group: nil)) == [job(1)])
        #expect(queue.request(claim(2, group: nil)) == [])
        #expect(queue.release(job(1)) == [job(2)])
    }

    @Test func `an attempt that wants to run beside fewer waits for that, and what asked later waits behind it`() {
        var queue = TurnQueue(limit: 3)
        func claim(_ number: Int64, room: Int? = nil) -> TurnQueue.Claim {
            TurnQueue.Claim(job(number), policy: PolicyName(rawValue: "p\(number)"), group: nil, room: room)
        }
        #expect(queue.request(claim(1)) == [job(1)])
        #expect(queue.request(claim(2)) == [job(2)])
        #expect(queue.request(claim(3, room: 1)) == [])
        #expect(queue.request(claim(4)) == [])
        #expect(queue.release(job(1)) == [])
        #expect(queue.release(job(2)) == [job(3), job(4)])
        #expect(queue.request(claim(5, room: 3)) == [job(5)])
        #expect(queue.request(claim(6, room: 9)) == [])
        #expect(queue.release(job(3)) == [job(6)])
    }

    @Test func `a job that asks twice has one place, and a place can be given up`() {
        var queue = TurnQueue(limit: 1)
        _ = queue.request(claim(1, "a"))
        _ = queue.request(claim(2, "b"))
        #expect(queue.request(claim(2, "b")) == [])
        #expect(queue.release(job(2)) == [])
        #expect(queue.release(job(1)) == [])
        #expect(queue.isIdle)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `whoever comes and goes, what runs together may, and everybody has a turn`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let groups: [TurnQueue.Group?] = [nil, .unnamed, .named("x"), .named("y")]
        var queue = TurnQueue(limit: 3)
        var running: [TurnQueue.Claim] = []
        var asked: [TurnQueue.Claim] = []
        var served: [TurnQueue.Claim] = []

        func take(_ granted: [TurnQueue.Claimant]) {
            for claimant in granted {
                guard let claim = asked.first(where: { $0.claimant == claimant }) else { continue }
                #expect(running.count < claim.room ?? 3)
                running.append(claim)
                served.append(claim)
            }
            #expect(running.count <= 3)
            #expect(Set(running.map(\.policy)).count == running.count)
            #expect(Set(running.compactMap(\.group)).count == running.compactMap(\.group).count)
        }

        for job in 1...200 as ClosedRange<Int64> {
            let policy = Int.random(in: 0..<6, using: &generator)
            var next = claim(job, "p\(policy)", group: groups[policy % 4])
            if policy == 5 { next.room = 1 }
            asked.append(next)
            take(queue.request(next))
            while Bool.random(using: &generator), let place = running.indices.randomElement(using: &generator) {
                take(queue.release(running.remove(at: place).claimant))
            }
        }
        while let last = running.popLast() { take(queue.release(last.claimant)) }

        #expect(queue.isIdle)
        #expect(served.count == 200, "seed \(seed)")
        for policy in Set(asked.map(\.policy)) {
            #expect(served.filter { $0.policy == policy } == asked.filter { $0.policy == policy }, "in their order")
        }
    }
}
