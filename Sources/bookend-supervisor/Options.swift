/// What the agent asks of one supervisor: the words before `--`, then the program with its arguments.
struct Options {
    /// As whom the program runs.
    struct User {
        var uid: UInt32
        var gid: UInt32
        var groups: [UInt32]

        /// `UID:GID:GROUP,GROUP`
        init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, let uid = UInt32(parts[0]), let gid = UInt32(parts[1]) else { return nil }
            let names = parts[2].split(separator: ",")
            groups = names.compactMap { UInt32($0) }
            guard groups.count == names.count else { return nil }
            (self.uid, self.gid) = (uid, gid)
        }
    }

    var stdoutFile: String?
    var stderrFile: String?
    /// Bytes kept of each output.
    var outputLimit = 1 << 20
    var passLines = false
    /// Behind what the output files hold already, which counts for the limit.
    var appendsOutput = false
    var resultFile: String?
    /// The program runs even if the result file cannot be written.
    var mayRunUnrecorded = false
    var nice: Int32 = 0
    /// When the agent dies: interrupt the program, rather than let it go on.
    var interruptsOnOrphan = false
    /// When the agent dies: end what the program leaves running, rather than let it live.
    var endsLeftOnOrphan = false
    /// `nil`: as ourselves.
    var user: User?
    /// Nothing of our ambient and inheritable capabilities gets to the program.
    var dropsCapabilities = false
    var forbidsNewPrivileges = false
    /// The program gets exactly these `NAME=value`; `nil`: our own.
    var environment: [String]?
    /// A file that the program finds open as descriptor 9.
    var copy: String?
    /// The systemd unit that we are; whoever finds our record can stop it.
    var unit: String?
    /// What is executed instead of argument 0.
    var execute: String?
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
            if takeFlag(word) { continue }
            guard let value = rest.popFirst(), takeValue(word, value) else { return nil }
        }
        guard !command.isEmpty else { return nil }
    }

    private mutating func takeFlag(_ word: String) -> Bool {
        switch word {
        case "--pass-lines": passLines = true
        case "--end-left": endsLeftOnOrphan = true
        case "--append": appendsOutput = true
        case "--record-optional": mayRunUnrecorded = true
        case "--drop-capabilities": dropsCapabilities = true
        case "--no-new-privileges": forbidsNewPrivileges = true
        case "--clean-environment": environment = environment ?? []
        default: return false
        }
        return true
    }

    private mutating func takeValue(_ word: String, _ value: String) -> Bool {
        switch word {
        case "--stdout-file": stdoutFile = value
        case "--stderr-file": stderrFile = value
        case "--result-file": resultFile = value
        case "--output-limit":
            guard let number = Int(value), number >= 2 else { return false }
            outputLimit = number
        case "--nice":
            guard let number = Int32(value) else { return false }
            nice = number
        case "--on-orphan":
            guard value == "keep" || value == "interrupt" else { return false }
            interruptsOnOrphan = value == "interrupt"
        case "--user":
            guard let user = User(value) else { return false }
            self.user = user
        case "--environment": environment = (environment ?? []) + [value]
        case "--copy": copy = value
        case "--unit": unit = value
        case "--execute": execute = value
        default: return false
        }
        return true
    }
}
