package import BookendModel

/// One program that a stage runs: what starts, with which arguments, in which environment, and where its output goes.
package struct StageProgram: Sendable {
    /// An absolute path; it is argument 0 too.
    package var path: String
    /// From argument 1 on.
    package var arguments: [String]
    /// All that the program gets; nothing is inherited.
    package var environment: [String: String]
    /// Where standard output is kept, bounded; `nil`: nowhere.
    package var stdoutFile: String?
    package var stderrFile: String?
    /// Bytes kept of each output: the first and the last half.
    package var outputLimit = StageProgram.outputLimit
    /// What an earlier program of the same stage left in the files stays before it; both together keep the limit.
    package var appendsOutput = false
    /// Where the program is recorded, see ``RunningStages``, also when the agent dies meanwhile. Without room for that it
    /// could not start.
    package var resultFile: String?
    /// It runs even if it cannot be recorded: an owed post-script.
    package var mayRunUnrecorded = false
    /// `nil`: the program may run for ever.
    package var timeout: Duration?
    /// Between SIGTERM and SIGKILL.
    package var grace: Duration = .seconds(10)
    package var leftProcesses: ScriptPlan.LeftProcesses
    package var niceness = 0
    /// When the agent dies the program is interrupted, rather than goes on.
    package var isInterruptedWithoutAgent = false
    /// It runs below a service of its own, rather than below the agent.
    package var service: TransientService?
    /// As whom it runs; `nil`: the agent's user.
    package var user: ScriptUser?
    /// The agent's ambient and inheritable capabilities do not get to it.
    package var dropsCapabilities = false
    /// Whether sudo and its like work.
    package var mayGainPrivileges = true
    /// A file that it finds open as descriptor 9.
    package var copy: String?
    /// What is executed, with ``path`` as argument 0 all the same; `nil`: the path.
    package var executable: String?

    package init(
        path: String, arguments: [String] = [],
        environment: [String: String] = StageProgram.cleanEnvironment(home: "/"),
        leftProcesses: ScriptPlan.LeftProcesses = .end
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.leftProcesses = leftProcesses
    }

    /// What is kept of an output unless the configuration says otherwise, in bytes.
    package static let outputLimit = 1 << 20

    package static func cleanEnvironment(home: String) -> [String: String] {
        ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "LANG": "C.UTF-8"]
    }
}

/// How a program ended, as a value.
package struct StageOutcome: Sendable {
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signaled(Int32)
        case couldNotStart(String)
        /// The process that watched it was ended from outside; nothing is known.
        case lost(String)
    }

    /// Why it was ended, if Bookend ended it.
    package enum StopCause: Hashable, Sendable { case timeout, order, interrupt }

    package var ending: Ending
    package var stopCause: StopCause?
    /// What lived on when the program had ended: `pid name`, at most 20; also filled when the rule is to allow it.
    package var leftProcesses: [String] = []
    package var duration: Duration = .zero
    /// Bytes of output that are not in the files.
    package var bytesLeftOut: Int64 = 0
}

/// One line that a program printed.
package struct StageLine: Sendable {
    package var isError: Bool
    /// Without its end; at most 64 KiB.
    package var text: String
}
