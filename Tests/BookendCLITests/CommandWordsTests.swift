import Testing

@testable import BookendCLI

/// Commands that there are not.
struct CommandWordsTests {
    static let mistyped = [
        ("bakcup x", "no command 'bakcup': did you mean backup?"),
        ("policy applly", "no command 'policy applly': did you mean policy apply?"),
        ("policy applly file.yaml --dry-run", "no command 'policy applly': did you mean policy apply?"),
        ("alerts silense --for 2h", "no command 'alerts silense': did you mean alerts silence?"),
        ("job forgve 42", "no command 'job forgve': did you mean job forgive?"),
        ("agent token creat", "no command 'agent token creat': did you mean agent token create?"),
        ("help nope", "no command 'nope': bookend --help lists those that there are"),
        ("help policy applly", "no command 'policy applly': did you mean policy apply?"),
        ("policy xyzzy", "no command 'policy xyzzy': bookend policy --help lists those that there are"),
        ("xyzzy", "no command 'xyzzy': bookend --help lists those that there are"),
    ]

    @Test(arguments: mistyped) func `a command that there is not is named with its nearest`(
        words: String, message: String
    ) {
        let error = #expect(throws: CLIError.self) {
            try CommandWords.check(words.split(separator: " ").map(String.init), root: BookendCommand.self)
        }
        #expect(error == CLIError(.usage, message))
    }

    @Test(arguments: [
        "", "--help", "help", "help policy apply", "backup nightly-web --wait", "job 42", "job show 42", "job abc",
        "alerts", "alerts --kind backup-failed", "policy", "--version", "context use home", "policy apply bakcup",
    ]) func `a line that names its command is left to the parser`(line: String) throws {
        try CommandWords.check(line.split(separator: " ").map(String.init), root: BookendCommand.self)
    }
}
