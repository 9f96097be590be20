/// Finds files whose aliases could make a small text a huge tree, before anything expands them.
enum AliasScan {
    /// The place of the alias after the first `limit` ones, if there are so many.
    ///
    /// Counts each `*name` of a `&name` before it, both where YAML could take them for more than text. It errs on the
    /// safe side: a comment full of such words counts too.
    static func firstPlaceBeyond(_ limit: Int, in source: SourceText) -> Findings.Place? {
        var anchors: Set<String> = []
        var aliases = 0
        var previous: Unicode.Scalar = "\n"
        var word: (sigil: Unicode.Scalar, start: SourcePosition)?
        // Apart from the word: whoever matches that would hold a copy, and each character would be added to another one.
        var name = ""
        var found: Findings.Place?
        source.walk { position, scalar in
            if let open = word {
                if isNameCharacter(scalar) {
                    name.unicodeScalars.append(scalar)
                } else {
                    word = nil
                    if open.sigil == "&" {
                        anchors.insert(name)
                    } else if anchors.contains(name) {
                        aliases += 1
                        if aliases > limit { found = .init(position: open.start, width: name.count + 1) }
                    }
                }
            } else if scalar == "&" || scalar == "*", isBeforeToken(previous) {
                (word, name) = ((scalar, position), "")
            }
            previous = scalar
            return found == nil
        }
        return found
    }

    private static func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar == "-"
            || scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    }

    private static func isBeforeToken(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case " ", "\t", "[", "{", ",", ":", "-", "?": true
        default: SourceText.isBreak(scalar)
        }
    }
}
