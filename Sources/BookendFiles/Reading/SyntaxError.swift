import Yams

/// What libYAML says about a text that is not YAML, in words that help the person who wrote it.
enum SyntaxError {
    static func report(_ error: any Error, to findings: Findings) {
        guard let error = error as? YamlError else {
            findings.report(at: .start, keyPath: "", "is not YAML: \(error)")
            return
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let position = SourcePosition(line: mark.line, column: mark.column)
            let scalar = findings.source.scalars(ofLine: mark.line).dropFirst(mark.column - 1).first
            let (message, suggestion) = explanation(of: problem, context: context, at: scalar)
            findings.report(
                at: .init(position: position, width: 1), keyPath: "", "is not YAML: \(message)", suggestion: suggestion)
        case .reader(let problem, _, _, _):
            findings.report(at: .start, keyPath: "", "is not YAML: \(problem)")
        default:
            findings.report(at: .start, keyPath: "", "is not YAML: \(error)")
        }
    }

    private static func explanation(
        of problem: String, context: YamlError.Context?, at scalar: Unicode.Scalar?
    ) -> (message: String, suggestion: String?) {
        let since = context.map { " (\($0.text.trimmed), which began in line \($0.mark.line))" } ?? ""
        if scalar == "\t" {
            return ("found a tab where only spaces may stand", "indent with spaces")
        }
        if let text = context?.text, text.hasSuffix("alias") || text.hasSuffix("anchor") {
            return (problem, "put a text that begins with * or & in quotes")
        }
        if problem.contains("cannot start any token"), let scalar {
            return ("a text cannot begin with '\(scalar)'", "put the text in quotes")
        }
        if problem.contains("mapping values are not allowed") {
            return (
                "found a second ': ' in one line, or a key that is indented deeper than its neighbours",
                "line the keys up, and put a text that holds ': ' in quotes"
            )
        }
        if problem.contains("could not find expected ':'") {
            return ("found a line that is neither 'key: value' nor '- item'\(since)", nil)
        }
        if problem.contains("did not find expected key") {
            return ("found something else where the next key was expected\(since)", "line the keys up")
        }
        if problem.contains("did not find expected '-' indicator") {
            return ("found something else where the next '- item' was expected\(since)", "line the items up")
        }
        if problem.contains("unexpected end of stream") {
            return ("the file ends inside a text in quotes\(since)", "close the quotes")
        }
        if problem.contains("found undefined alias") {
            return ("found an alias (*name) of nothing", "put a text that begins with * in quotes")
        }
        if problem.contains("Maximum nesting level") { return ("it is nested deeper than 1000 levels", nil) }
        return ("\(problem)\(since)", nil)
    }
}

extension String {
    fileprivate var trimmed: Substring {
        var text = self[...]
        while text.last == " " || text.last == "\n" { text.removeLast() }
        return text
    }
}
