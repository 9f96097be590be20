import ArgumentParser
import Testing

@testable import BookendCLI

/// Flags and arguments that are wrong, each with what is said about it.
struct WrongFlagTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let words: String
        let message: String

        init(_ words: String, _ message: String) { (self.words, self.message) = (words, message) }

        var testDescription: String { words }
    }

    static let rows = [
        Row("alerts list --kind backup-fail", "'backup-fail' is invalid for '--kind <kind>'"),
        Row("alerts list --limit 0", "--limit: expected 1 to 1000"),
        Row("alerts list --limit 1001", "--limit: expected 1 to 1000"),
        Row("alerts list --policy a/b", "'a/b' is invalid for '--policy <policy>'"),
        Row("alerts show", "Missing expected argument '<alert>'"),
        Row("alerts show seven", "'seven' is invalid for '<alert>'"),
        Row("alerts ack", "Missing expected argument '<alert>'"),
        Row("alerts resolve --reason x", "Missing expected argument '<alert>'"),
        Row("alerts resolve 7", "Missing expected argument '--reason <reason>'"),
        Row("alerts silence --agent web-1 --reason x", "--for: a silence has an end, such as 2h"),
        Row("alerts silence --agent web-1 --for 0s --reason x", "--for: a silence has an end, such as 2h"),
        Row("alerts silence --agent web-1 --for 2h", "--reason: expected 1 to 1000 bytes"),
        Row("alerts silence --for 2 --reason x", "'2' is invalid for '--for <duration>'"),
        Row("alerts silence --kind nothing --for 2h --reason x", "'nothing' is invalid for '--kind <kind>'"),
        Row("alerts silence --label north --for 2h --reason x", "'north' is invalid for '--label <key=value>'"),
        Row("alerts silence --end 4 --agent web-1", "--end stands alone"),
        Row("alerts silence --end four", "'four' is invalid for '--end <id>'"),
        Row("alerts test --timeout soon", "'soon' is invalid for '--timeout <duration>'"),
        Row("alerts resend", "expected ids of messages, or --channel"),
        Row("alerts resend 7 --channel ops", "expected ids of messages, or --channel"),
        Row("alerts resend 0", "each a number from 1 on"),
        Row("alerts discard", "expected ids of messages, or --channel"),
        Row("alerts discard all", "'all' is invalid for '<message>'"),
        Row("alerts messages ops", "Unexpected argument 'ops'"),
        Row("report --since yesterday", "'yesterday' is invalid for '--since <time>'"),
        Row("report --format pdf", "'pdf' is invalid for '--format <format>'"),
        Row("report -o pdf", "'pdf' is invalid for '-o <format>'"),
        Row("logs 42 --attempt 0", "--attempt: expected a number from 1 on"),
        Row("logs 42 --attempt -1", "--attempt"),
        Row("restore --to /srv/back", "expected a job, or a snapshot"),
        Row("restore 42 --snapshot 1a2b3c4d --to /srv/back", "expected a job, or a snapshot"),
        Row("report --label north", "'north' is invalid for '--label <key=value>'"),
        Row("report --policy a/b", "'a/b' is invalid for '--policy <policy>'"),
        Row("schedule --next 0", "--next: expected a number from 1 to 1000"),
        Row("schedule --next 1001", "--next: expected a number from 1 to 1000"),
        Row("schedule --at tomorrow", "'tomorrow' is invalid for '--at <time>'"),
        Row("schedule --agent a/b", "'a/b' is invalid for '--agent <agent>'"),
    ]

    @Test(arguments: rows) func `a wrong flag is refused with its message`(row: Row) throws {
        let words = row.words.split(separator: " ").map(String.init)
        let error = #expect(throws: (any Error).self) { _ = try BookendCommand.parseAsRoot(words) }
        let text = BookendCommand.message(for: try #require(error))
        #expect(text.contains(row.message), "\(text)")
    }
}
