/// Text from elsewhere, made fit for a terminal: names and reasons come from servers that an operator may not control.
enum SafeText {
    /// On one line; control characters become `?`, so that no text can move the cursor or colour the rest.
    static func line(_ text: String) -> String {
        clean(text, keepsNewlines: false)
    }

    /// As ``line(_:)``, but lines stay.
    static func lines(_ text: String) -> String {
        clean(text, keepsNewlines: true)
    }

    private static func clean(_ text: String, keepsNewlines: Bool) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where keepsNewlines: result.unicodeScalars.append(scalar)
            case "\n", "\t": result += " "
            case _ where isUnsafe(scalar): result += "?"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F: true
        // Marks that turn the direction of writing: what is shown would not be what is there.
        case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
