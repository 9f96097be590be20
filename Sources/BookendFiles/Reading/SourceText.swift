import BookendModel

/// A place in a file; both from 1, the column counted in Unicode scalars as libYAML does.
struct SourcePosition: Hashable, Comparable {
    var line: Int
    var column: Int

    static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A file's text, known to be something that a YAML parser can be given.
struct SourceText {
    /// Larger files are refused before they are parsed.
    static let byteLimit = 1 << 20

    let file: String
    /// Without a byte order mark.
    let text: String

    /// Checks size and encoding, and that there are no control characters.
    init(bytes: [UInt8], file: String) throws(FileError) {
        guard bytes.count <= Self.byteLimit else {
            let diagnostic = Diagnostic(file: file, message: "is larger than 1 MiB, the most that is read")
            throw FileError(code: .wrong, diagnostics: [diagnostic])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            // Repairing keeps the place: everything before the first bad byte is as it was.
            let repaired = SourceText(unchecked: String(decoding: bytes, as: UTF8.self), file: file)
            let place = repaired.firstPosition { $0 == "\u{FFFD}" } ?? SourcePosition(line: 1, column: 1)
            throw FileError(
                code: .wrong,
                diagnostics: [repaired.diagnostic(at: place, message: "expected UTF-8, found bytes that are not")])
        }
        self.init(unchecked: text, file: file)
        if let place = firstPosition(where: Self.isForbidden) {
            let scalar = scalars(ofLine: place.line).dropFirst(place.column - 1).first
            let name = scalar.map { "U+" + String($0.value, radix: 16, uppercase: true).leftPadded(to: 4) } ?? ""
            let message = "holds a control character (\(name)), which may not stand in a YAML file"
            throw FileError(code: .wrong, diagnostics: [diagnostic(at: place, message: message)])
        }
    }

    private init(unchecked text: String, file: String) {
        self.file = file
        self.text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// A diagnostic at a place, with the line of the file and a caret line `width` characters wide.
    func diagnostic(
        at place: SourcePosition, width: Int = 1, keyPath: String = "", message: String, suggestion: String? = nil
    ) -> Diagnostic {
        Diagnostic(
            file: file, line: place.line, column: place.column, keyPath: keyPath, message: message,
            suggestion: suggestion, excerpt: excerpt(at: place, width: width))
    }

    /// The scalars of one line, without its line break.
    func scalars(ofLine line: Int) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        walk { position, scalar in
            if position.line == line, !Self.isBreak(scalar) { result.append(scalar) }
            return position.line <= line
        }
        return result
    }

    private func excerpt(at place: SourcePosition, width: Int) -> String {
        let line = scalars(ofLine: place.line)
        let widest = 100
        let start = place.column <= widest - 20 ? 0 : place.column - 41
        let shown = line.dropFirst(start).prefix(widest).map { scalar in
            scalar == "\t" ? " " : TextRules.isControl(scalar) ? "\u{FFFD}" : String(scalar)
        }
        guard !shown.isEmpty else { return "" }
        let column = place.column - 1 - start
        let carets = max(1, min(width, shown.count - column))
        let number = String(place.line)
        let margin = String(repeating: " ", count: number.count)
        return "  \(number) | \(start > 0 ? "…" : "")\(shown.joined())\n"
            + "  \(margin) | \(start > 0 ? " " : "")\(String(repeating: " ", count: column))"
            + String(repeating: "^", count: carets)
    }

    private func firstPosition(where matches: (Unicode.Scalar) -> Bool) -> SourcePosition? {
        var found: SourcePosition?
        walk { position, scalar in
            if matches(scalar) { found = position }
            return found == nil
        }
        return found
    }

    /// Hands each scalar and its place to `body` until that returns false. Lines are counted as libYAML counts them.
    func walk(_ body: (SourcePosition, Unicode.Scalar) -> Bool) {
        var position = SourcePosition(line: 1, column: 1)
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            if !(previous == "\r" && scalar == "\n") {
                if Self.isBreak(previous) { position = SourcePosition(line: position.line + 1, column: 1) }
                guard body(position, scalar) else { return }
                position.column += 1
            }
            previous = scalar
        }
    }

    static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A, 0x0D, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    /// What libYAML's reader refuses.
    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF:
            false
        default: true
        }
    }
}

extension String {
    fileprivate func leftPadded(to width: Int) -> String {
        String(repeating: "0", count: Swift.max(0, width - count)) + self
    }
}
