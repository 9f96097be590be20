/// What the agent asks of one supervisor: the words before `--`, then the program with its arguments.
struct Options {
    var stdoutFile: String?
    var stderrFile: String?
    /// Bytes kept of each output.
    var outputLimit = 1 << 20
    var passLines = false
    /// Behind what the output files hold already, which counts for the limit.
    var appendsOutput = false
    var resultFile: String?
    var nice: Int32 = 0
    /// When the agent dies: interrupt the program, rather than let it go on.
    var interruptsOnOrphan = false
    /// When the agent dies: end what the program leaves running, rather than let it live.
    var endsLeftOnOrphan = false
    /// Argument 0 is the program's path.
    var command: [String] = []

    /// `nil` when the words cannot be understood.
    init?(_ words: [String]) {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                command = Array(rest)
                break
            }
            if word == "--pass-lines" {
                passLines = true
                continue
            }
            if word == "--end-left" {
                endsLeftOnOrphan = true
                continue
            }
            if word == "--append" {
                appendsOutput = true
                continue
            }
            guard let value = rest.popFirst() else { return nil }
            switch word {
            case "--stdout-file": stdoutFile = value
            case "--stderr-file": stderrFile = value
            case "--result-file": resultFile = value
            case "--output-limit":
                guard let number = Int(value), number >= 2 else { return nil }
                outputLimit = number
            case "--nice":
                guard let number = Int32(value) else { return nil }
                nice = number
            case "--on-orphan":
                guard value == "keep" || value == "interrupt" else { return nil }
                interruptsOnOrphan = value == "interrupt"
            default: return nil
            }
        }
        guard !command.isEmpty else { return nil }
    }
}
