/// Lines at the bottom of a terminal that are drawn again in place.
struct LiveBlock {
    private var height = 0

    /// - Parameter lines: Each shorter than the terminal is wide, or what was drawn could not be found again.
    mutating func draw(_ lines: [String]) {
        var text = erased
        for line in lines { text += line + "\n" }
        height = lines.count
        Output.standardOutput.write(text)
    }

    /// Takes the block away.
    mutating func erase() {
        Output.standardOutput.write(erased)
        height = 0
    }

    private var erased: String { height == 0 ? "" : "\r\u{1B}[\(height)A\u{1B}[J" }
}
