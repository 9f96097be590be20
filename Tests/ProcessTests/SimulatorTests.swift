import Testing

/// The simulator itself: a history follows from its seed, and from nothing else.
@Suite(.timeLimit(.minutes(60))) struct SimulatorTests {
    private func simulate(_ arguments: String...) async throws -> Program.End {
        try await Program.run("bookend-simulate", arguments + ["--agents", "3", "--hours", "4"])
    }

    @Test func `the same seed is the same history, word by word, and another seed another one`() async throws {
        let first = try await simulate("--seed", "7")
        let second = try await simulate("--seed", "7")
        let other = try await simulate("--seed", "8")
        #expect(first.status == 0 && first.output.contains("no guarantee is broken"))
        #expect(first.output == second.output && first.output != other.output)
        #expect(first.output.contains("dies") && first.output.contains("the post-script runs"))
    }

    @Test func `small histories break no guarantee`() async throws {
        let end = try await simulate("--first", "1", "--seeds", "20")
        #expect(end.status == 0, "\(end.output)")
    }

    @Test func `an option that is not there is an error`() async throws {
        let end = try await simulate("--sedes", "7")
        #expect(end.status == 2 && end.errors.contains("--sedes"))
    }
}
