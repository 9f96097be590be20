import Glibc

/// What standard output can show.
struct Terminal: Hashable, Sendable {
    var isTerminal: Bool
    /// `nil`: as wide as needed, for programs and files.
    var width: Int?
    var height: Int
    var hasColor: Bool

    /// Of this process's standard output, now: a window may have been resized.
    static var current: Terminal {
        let isTerminal = Output.standardOutput.isTerminal
        var size = winsize()
        let isKnown = isTerminal && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        let noColor = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        return Terminal(
            isTerminal: isTerminal, width: isTerminal ? (isKnown ? Int(size.ws_col) : 80) : nil,
            height: isKnown && size.ws_row > 0 ? Int(size.ws_row) : 24, hasColor: isTerminal && !noColor && !isDumb)
    }

    func paint(_ text: String, _ color: Color?) -> String {
        guard hasColor, let color else { return text }
        return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
    }
}

enum Color: String, Sendable {
    case good = "32"
    case bad = "31"
    case notice = "33"
    case active = "36"
    case faint = "2"
    case strong = "1"
}
