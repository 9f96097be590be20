/// Rows in aligned columns that fit the terminal.
struct Table: Sendable {
    struct Column: Sendable {
        enum Alignment: Sendable { case left, right }

        var title: String
        var alignment: Alignment = .left
        /// May be cut to make the table fit, but not below this many characters; `nil`: never cut.
        var shrinksTo: Int?
        /// Is cut only when every dispensable column is gone: what the table is read for, such as a status.
        var shrinksLast: Bool
        /// Left out when the table would not fit otherwise; the last such column first.
        var isDispensable: Bool

        init(
            _ title: String, _ alignment: Alignment = .left, shrinksTo: Int? = nil, shrinksLast: Bool = false,
            isDispensable: Bool = false
        ) {
            self.title = title
            self.alignment = alignment
            self.shrinksTo = shrinksTo
            self.shrinksLast = shrinksLast
            self.isDispensable = isDispensable
        }
    }

    struct Cell: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
        var text: String
        var color: Color?

        init(_ text: String, _ color: Color? = nil) {
            self.text = SafeText.line(text)
            self.color = color
        }

        init(stringLiteral text: String) { self.init(text) }
    }

    private static let gap = 2

    var columns: [Column]
    /// Each with as many cells as there are columns.
    var rows: [[Cell]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    mutating func append(_ cells: [Cell]) {
        rows.append(cells)
    }

    /// The title line and the rows, each without a newline; no spaces at the end of a line.
    func lines(_ terminal: Terminal) -> [String] {
        var widths = widths(fitting: terminal.width, cutsAll: false)
        if let limit = terminal.width, widths.reduce(0, +) + Self.gap * (columns.count - 1) > limit {
            if let spare = columns.lastIndex(where: \.isDispensable) { return without(spare).lines(terminal) }
            widths = self.widths(fitting: limit, cutsAll: true)
        }
        let title = columns.map { Cell($0.title, .strong) }
        return ([title] + rows).map { line($0, widths, terminal) }
    }

    private func without(_ index: Int) -> Table {
        var table = self
        table.columns.remove(at: index)
        for row in rows.indices { table.rows[row].remove(at: index) }
        return table
    }

    /// - Parameter cutsAll: Also the columns that are cut last.
    private func widths(fitting limit: Int?, cutsAll: Bool) -> [Int] {
        var widths = columns.indices.map { index in
            rows.reduce(columns[index].title.count) { max($0, $1[index].text.count) }
        }
        guard let limit else { return widths }
        var excess = widths.reduce(0, +) + Self.gap * (columns.count - 1) - limit
        while excess > 0 {
            // The widest that may still give way gives one character.
            var candidates = columns.indices.filter { widths[$0] > columns[$0].shrinksTo ?? .max }
            let early = candidates.filter { !columns[$0].shrinksLast }
            if !early.isEmpty || !cutsAll { candidates = early }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ terminal: Terminal) -> String {
        var line = ""
        var pending = 0
        for (index, cell) in cells.enumerated() {
            let text = cell.text.fitted(to: widths[index])
            let padding = widths[index] - text.count
            if columns[index].alignment == .right { pending += padding }
            if !text.isEmpty {
                line += String(repeating: " ", count: pending) + terminal.paint(text, cell.color)
                pending = 0
            }
            if columns[index].alignment == .left { pending += padding }
            pending += Self.gap
        }
        return line
    }
}

extension String {
    /// At most as many characters; what was cut off is marked.
    func fitted(to width: Int) -> String {
        count <= width ? self : width < 1 ? "" : prefix(width - 1) + "…"
    }
}
