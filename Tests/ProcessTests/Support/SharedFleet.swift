import Testing

/// One fleet for all tests of a suite; each test takes an agent of its own from the fleet's pool.
struct SharedFleet: SuiteTrait, TestScoping {
    @TaskLocal static var current: RealFleet?

    let isRecursive = false
    var name: String
    var agents: Int

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await RealFleet.with(
            name, agents: agents, special: [(id: "bare", extra: "restic: /usr/bin/restic-is-not-here")]
        ) { fleet in
            try await SharedFleet.$current.withValue(fleet) { try await function() }
        }
    }
}

extension Trait where Self == SharedFleet {
    static func sharedFleet(_ name: String = "shared", agents: Int) -> SharedFleet {
        SharedFleet(name: name, agents: agents)
    }
}

/// The suites of this type share one fleet.
@Suite(.sharedFleet(agents: 8)) enum OneFleet {
    static var fleet: RealFleet {
        get throws {
            guard let fleet = SharedFleet.current else {
                throw Missed(description: "the fleet did not start")
            }
            return fleet
        }
    }
}
