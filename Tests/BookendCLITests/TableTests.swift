import BookendModel
import Testing

@testable import BookendCLI

struct TableTests {
    private let plain = Terminal(isTerminal: false, width: nil, height: 24, hasColor: false)

    private var table: Table {
        var table = Table([.init("NAME", shrinksTo: 4), .init("COUNT", .right), .init("NOTE", isDispensable: true)])
        table.append(["web-server-1", "7", "long"])
        table.append(["db", "1234", ""])
        return table
    }

    @Test func `columns are aligned and lines have no spaces at their end`() {
        #expect(
            table.lines(plain) == [
                "NAME          COUNT  NOTE",
                "web-server-1      7  long",
                "db             1234",
            ])
    }

    @Test func `a table that is too wide is cut where it may be`() {
        let narrow = Terminal(isTerminal: true, width: 19, height: 24, hasColor: false)
        let lines = table.lines(narrow)
        #expect(lines[1] == "web-s…      7  long")
        #expect(lines.allSatisfy { $0.count <= 19 })
    }

    @Test func `a column that is not needed goes when cutting is not enough`() {
        let narrow = Terminal(isTerminal: true, width: 12, height: 24, hasColor: false)
        #expect(table.lines(narrow)[1] == "web-…      7")
    }

    @Test func `a status is cut only when nothing else is left to go`() {
        var table = Table([
            .init("AGENT", shrinksTo: 4), .init("STATUS", shrinksTo: 5, shrinksLast: true),
            .init("TOOK", isDispensable: true), .init("ADDED", isDispensable: true),
        ])
        table.append(["web-server-1", "5 successful-with-errors", "12 s", "20 MiB"])
        func line(_ width: Int) -> String {
            table.lines(Terminal(isTerminal: true, width: width, height: 24, hasColor: false))[1]
        }
        #expect(line(45) == "web-…  5 successful-with-errors  12 s  20 MiB")
        #expect(line(44) == "web…  5 successful-with-errors  12 s  20 MiB")
        #expect(line(43) == "web-server…  5 successful-with-errors  12 s")
        #expect(line(30) == "web…  5 successful-with-errors")
        #expect(line(20) == "web…  5 successful-…")
    }

    @Test func `jobs in eighty columns have whole statuses`() {
        let wide = Terminal(isTerminal: true, width: 80, height: 24, hasColor: false)
        var details = ReportDetails()
        details.reason = "one of the files could not be read"
        var job = JobAggregate(
            Report(
                origin: ReportOrigin(agent: AgentID(rawValue: "database-server-1"), incarnation: 1, sequence: 1),
                trigger: ReportedTrigger(
                    job: JobID(rawValue: 1_234), policy: PolicyName(rawValue: "nightly-databases"), revision: 1,
                    cause: .manual, scheduledStart: UnixTime(milliseconds: 0)),
                attempt: 1, stage: nil, status: .successfulWithErrors, at: UnixTime(milliseconds: 5_000),
                details: details))
        job.startedAt = UnixTime(milliseconds: 0)
        let list = JobTables.list([job], now: UnixTime(milliseconds: 9_000)).lines(wide)
        #expect(list[1].contains("5 successful-with-errors") && list.allSatisfy { $0.count <= 80 }, "\(list)")
        // Four statuses may be too much for eighty columns; what can go, goes first.
        var wider = wide
        wider.width = 95
        let stages = JobTables.stages([job]).lines(wider)
        #expect(stages[1].contains("5 successful-with-errors") && !stages[0].contains("TOOK"), "\(stages)")
        #expect(JobTables.stages([job]).lines(wide).allSatisfy { $0.count <= 80 })
    }

    @Test func `colour adds nothing to the width`() {
        var table = Table([.init("A"), .init("B")])
        table.append([.init("x", .good), "y"])
        let colored = Terminal(isTerminal: true, width: 80, height: 24, hasColor: true)
        #expect(table.lines(colored)[1] == "\u{1B}[32mx\u{1B}[0m  y")
    }

    @Test func `a text from elsewhere cannot steer the terminal`() {
        #expect(SafeText.line("a\u{1B}[31mb\nc\u{9B}d\u{202E}e") == "a?[31mb c?d?e")
        #expect(SafeText.lines("a\nb\r") == "a\nb?")
    }
}
