/// All that was found wrong in one file so far, and where each key's value stands.
///
/// Shared by the values of one file while it is read, on one thread.
final class Findings {
    /// More are counted, not kept.
    static let limit = 50

    let source: SourceText
    /// Every mapping that such a file may have.
    let tables: [KeyTable]
    private var kept: [Diagnostic] = []
    private var dropped = 0
    private var places: [String: Place] = [:]
    private var secretLines: Set<Int> = []

    /// Where a key or a value stands, and how many characters to point at.
    struct Place {
        var position: SourcePosition
        var width: Int

        static let start = Place(position: SourcePosition(line: 1, column: 1), width: 1)
    }

    init(_ source: SourceText, tables: [KeyTable]) {
        self.source = source
        self.tables = tables
    }

    var isEmpty: Bool { kept.isEmpty }

    /// In the order of the file; the last one says how many were dropped, if any were.
    var diagnostics: [Diagnostic] {
        let sorted = kept.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }
        let shown = sorted.map(\.element).map { diagnostic in
            var diagnostic = diagnostic
            if secretLines.contains(diagnostic.line) { diagnostic.excerpt = "" }
            return diagnostic
        }
        guard dropped > 0 else { return shown }
        return shown + [
            Diagnostic(
                file: source.file, message: "\(dropped) more mistakes were found; the first \(Self.limit) are shown")
        ]
    }

    /// - Parameters:
    ///   - suggestion: Looked for only when it is shown: a file can hold a mistake in each line.
    ///   - isSecret: Somebody wrote a secret into this line; no diagnostic shows the line.
    func report(
        at place: Place, keyPath: String, _ message: String, suggestion: @autoclosure () -> String? = nil,
        isSecret: Bool = false
    ) {
        if isSecret { secretLines.insert(place.position.line) }
        guard kept.count < Self.limit else {
            dropped += 1
            return
        }
        kept.append(
            source.diagnostic(
                at: place.position, width: place.width, keyPath: keyPath, message: message, suggestion: suggestion()))
    }

    /// Remembers where a key's value stands, for ``report(problemAt:_:)``. Begins anew with each document.
    func note(_ place: Place, of keyPath: String) {
        places[keyPath] = place
    }

    /// The place of a key's value in the document that is being read.
    func place(of keyPath: String) -> Place? { places[keyPath] }

    func forgetPlaces() {
        places = [:]
    }

    /// Reports what a rule says of a key; nothing when that key, a part of it or the whole around it was found wrong
    /// already, since the rule then judged a stand-in.
    func report(problemAt keyPath: String, in document: [Diagnostic], _ message: String) {
        let isKnown = document.contains { known in
            known.keyPath == keyPath || Self.isInside(known.keyPath, keyPath) || Self.isInside(keyPath, known.keyPath)
        }
        guard !isKnown else { return }
        var nearest = keyPath
        while places[nearest] == nil, let end = nearest.lastIndex(where: { $0 == "." || $0 == "[" }) {
            nearest = String(nearest[..<end])
        }
        let place = places[nearest] ?? places[""] ?? .start
        report(at: place, keyPath: keyPath, message)
    }

    /// What was found since a point in time that an earlier ``mark`` stands for.
    func since(_ mark: Int) -> [Diagnostic] { Array(kept[min(mark, kept.count)...]) }

    var mark: Int { kept.count }

    private static func isInside(_ inner: String, _ outer: String) -> Bool {
        !outer.isEmpty && (inner.hasPrefix(outer + ".") || inner.hasPrefix(outer + "["))
    }
}
