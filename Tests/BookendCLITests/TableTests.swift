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
