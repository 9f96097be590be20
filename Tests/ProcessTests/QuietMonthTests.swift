import Testing

/// A month of virtual time in which every backup goes well, judged by the collector's own alert machine.
@Suite(.timeLimit(.minutes(60))) struct QuietMonthTests {
    private func month(_ arguments: String...) async throws -> [String] {
        let end = try await Program.run("bookend-simulate", ["--quiet-month", "--agents", "3"] + arguments)
        #expect(end.status == 0, "\(end.output)\(end.errors)")
        return end.output.split(separator: "\n").map(String.init)
    }

    @Test func `when all goes well nobody is told anything`() async throws {
        // 3 servers, 30 nights.
        #expect(try await month() == ["90 jobs, 90 successful, 0 messages"])
    }

    @Test func `who asks for the daily report gets that, once a day, and nothing else`() async throws {
        let lines = try await month("--report")
        #expect(lines.last == "90 jobs, 90 successful, 30 messages", "\(lines)")
        for (day, line) in lines.dropLast().enumerated() {
            #expect(line == "day \(day): Backups: 3 of 3 jobs succeeded")
        }
    }
}
