import BookendModel
import BookendTransport
import BookendWire
import Foundation
import Testing

/// More hellos at one moment than the coordinator answers in a second.
@Suite struct HelloBudgetTests {
    /// Five seconds' worth, which a busy machine takes in well before they have passed.
    private static let hellos = 1_000
    private static let perSecond = CoordinatorRules().hellosPerSecond

    private static var hello: Envelope {
        .hello(
            Hello(
                incarnation: 1, version: "0.1.0", labels: [:], generation: 0, activeJobs: [],
                highestJob: JobID(rawValue: 0),
                wall: UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1e3))))
    }

    @Test func `hellos beyond the budget are told when to come back, and are answered when they do`() async throws {
        try await RealFleet.with("hello-budget", agents: 2, machine: .alone) { fleet in
            let (gone, other) = (fleet.layout.sites[0], fleet.layout.sites[1])
            await fleet.daemon(gone.id).stop()
            let crowd = try Impostor(fleet.layout, keyFile: gone.directory + "/agent.key")
            let line = try await crowd.sync()
            try await line.connects()
            let start = ContinuousClock.now
            for _ in 1...Self.hellos { line.send(Self.hello) }
            var answers: [Envelope] = []
            while answers.count < Self.hellos {
                for frames in try await line.messages.next(after: answers.count) {
                    answers.append(try Wire.decode(frames.last ?? []))
                }
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let delays = answers.compactMap { if case .helloLater(let delay) = $0 { delay } else { nil } }
            let snapshots = answers.count { if case .syncSnapshot = $0 { true } else { false } }
            #expect(snapshots + delays.count == Self.hellos)
            // A second's worth at once, and what has come in since.
            #expect(Double(snapshots) <= Double(Self.perSecond) * (1 + seconds) + 1)
            #expect(!delays.isEmpty, "\(snapshots) hellos were answered in \(seconds) s")
            // Not all at the same time again.
            #expect(Set(delays).count > 1 && delays.min()! > .seconds(1))

            // Whoever comes back is answered, and a crowd keeps nobody from his work.
            var count = Self.hellos
            while true {
                line.send(Self.hello)
                let frames = try await line.messages.next(after: count)
                count += frames.count
                if case .syncSnapshot = try Wire.decode(frames.last?.last ?? []) { break }
            }
            let scenario = try await Scenario(fleet: fleet, site: other)
            try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
            await crowd.stop()
            try await fleet.start(gone)
        }
    }
}
