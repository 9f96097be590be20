import Foundation
import Testing

/// A standard output that is full, closed, or read no longer.
struct OutputTests {
    /// Runs a line of shell in which `$bookend` is the CLI.
    static func shell(_ line: String, environment: [String: String] = [:]) async throws -> Program.End {
        try await Program.run(
            "sh", ["-c", line], environment: environment.merging(["bookend": Program.path("bookend")]) { $1 })
    }

    @Test func `output that cannot be written is a failure with one message`() async throws {
        for words in ["--help", "backup --help", "--version", "--generate-completion-script bash"] {
            let end = try await Self.shell("$bookend \(words) >/dev/full")
            #expect(end.status == 1, "\(words): \(end)")
            #expect(end.errors == "bookend: cannot write the output: No space left on device\n", "\(words)")
        }
    }

    @Test func `a verdict stays what it is when its output is lost`() async throws {
        let end = try await Self.shell("$bookend policy validate --output json /no/such/file.yaml >/dev/full")
        #expect(end.status == 2 && end.errors.contains("cannot write the output"), "\(end)")
        let unread = try await Self.shell(
            "{ $bookend policy validate --output json /no/such/file.yaml; echo \"ended with $?\" >&2; } | true")
        #expect(unread.errors == "ended with 2\n")
    }

    @Test func `descriptors that were closed are nobody's`() async throws {
        for closed in [">&-", "2>&-", "<&-", "<&- >&- 2>&-"] {
            let end = try await Self.shell("$bookend --help \(closed)")
            #expect(end.status == 0 && end.errors.isEmpty, "\(closed): \(end)")
        }
        let deaf = try await Self.shell("$bookend no-such-command 2>&-")
        #expect(deaf.status == 2 && deaf.output.isEmpty, "\(deaf)")
    }
}

extension OneFleet {
    /// The same with daemons to ask.
    @Suite struct LostOutputTests {
        private func shell(_ line: String) async throws -> Program.End {
            try await OutputTests.shell(line, environment: OneFleet.fleet.environment)
        }

        @Test
        func `a command that asks ends with a message when its output is full, and nothing is said of a closed one`()
            async throws
        {
            try await Scenario.with { scenario in
                _ = try await scenario.run()
                for words in ["jobs", "status", "agents --output json", "watch --from start"] {
                    let full = try await shell("$bookend \(words) >/dev/full")
                    #expect(full.status == 1, "\(words): \(full)")
                    #expect(full.errors == "bookend: cannot write the output: No space left on device\n", "\(words)")
                }
                let closed = try await shell("$bookend status >&-")
                #expect(closed.status == 0 && closed.errors.isEmpty, "\(closed)")
            }
        }

        @Test func `a backup whose progress nobody reads any more still says how it ended`() async throws {
            try await Scenario.with(backup: .command("exit 1")) { scenario in
                let end = try await shell(
                    "{ $bookend backup \(scenario.policy) --wait; echo \"ended with $?\" >&2; } | true")
                #expect(end.errors == "ended with 1\n")
                let full = try await shell("$bookend backup \(scenario.policy) --wait >/dev/full")
                #expect(full.status == 1 && full.errors.contains("cannot write the output"), "\(full)")
            }
        }

        @Test func `what has no end ends when its reader has seen enough`() async throws {
            try await Scenario.with(pre: "echo one; echo two; open gate") { scenario in
                let job = try await scenario.order()
                try await scenario.reached("pre-script", 11, job)
                let logs = try await shell(
                    "{ $bookend logs \(job) --follow; echo \"ended with $?\" >&2; } | head -n 1")
                #expect(logs.output == "one\n" && logs.errors == "ended with 0\n", "\(logs)")
                let watch = try await shell(
                    "{ $bookend watch --from start; echo \"ended with $?\" >&2; } | head -n 1")
                #expect(watch.errors == "ended with 0\n", "\(watch)")
                try scenario.open("gate")
                try await scenario.ended(job)
            }
        }
    }
}
