import BookendDaemon
import BookendModel
import Logging
import Synchronization

/// Runs the server's own command when the agent has been cut off from its coordinator for long: the operator hears of it,
/// though nobody else can tell him.
///
/// Once per isolation, also when the agent starts again meanwhile: what was told is in the journal before the command runs.
final class IsolationGuard: Sendable {
    /// The time of the last contact is written this often.
    private static let writeInterval = Duration.seconds(600)
    /// The command is ended after this.
    private static let runLimit = Duration.seconds(600)

    private let command: [String]
    private let patience: Duration
    private let contents: JournalContents
    private let journal: any Journal
    private let clock: any DaemonClock
    private let logger: Logger
    private let process = StageProcess()
    private let wasHeard = Mutex(false)

    /// - Parameter command: A program by its absolute path, and its arguments.
    init(
        command: [String], patience: Duration, contents: JournalContents, journal: any Journal,
        clock: any DaemonClock, logger: Logger
    ) {
        self.command = command
        self.patience = patience
        self.contents = contents
        self.journal = journal
        self.clock = clock
        self.logger = logger
    }

    /// The coordinator said something. Never waits.
    func hear() { wasHeard.withLock { $0 = true } }

    /// Watches until the task is canceled.
    func run() async {
        var watch = IsolationWatch(
            patience: patience, lastHeard: contents.lastContact, isTold: contents.isIsolationTold, at: clock.now)
        var writtenAt: BootTime?
        let pause = max(.milliseconds(100), min(patience / 20, .seconds(60)))
        while !Task.isCancelled {
            let now = clock.now
            let isHeard = wasHeard.withLock { heard in
                defer { heard = false }
                return heard
            }
            if isHeard {
                let isOver = watch.hear(at: now.boot)
                if isOver { logger.notice("the coordinator is in reach again") }
                if isOver || writtenAt.map({ now.boot - $0 >= Self.writeInterval }) ?? true {
                    if record(now.wall, isTold: false) { writtenAt = now.boot }
                }
            } else if watch.tick(at: now.boot) {
                logger.error(
                    "cut off from the coordinator for long: the local command is run",
                    metadata: ["for": "\(patience)", "command": "\(command.joined(separator: " "))"])
                _ = record(nil, isTold: true)  // If it cannot be written it is told all the same, at worst twice.
                await tell()
            }
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + pause)
        }
    }

    private func record(_ contact: UnixTime?, isTold: Bool) -> Bool {
        do throws(AgentError) {
            try journal.recordContact(at: contact, isIsolationTold: isTold)
            return true
        } catch {
            logger.error("the time of the last contact could not be recorded", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// With a clean environment and without the agent's capabilities, like a script.
    private func tell() async {
        var program = StageProgram(path: command[0], arguments: Array(command.dropFirst()), leftProcesses: .allow)
        program.dropsCapabilities = true
        program.timeout = Self.runLimit
        let outcome = await process.run(program)
        switch outcome.ending {
        case .exited(0): break
        case .couldNotStart(let reason):
            logger.error("the command of on_isolation could not be run", metadata: ["error": "\(reason)"])
        default: logger.error("the command of on_isolation failed", metadata: ["ending": "\(outcome.ending)"])
        }
    }
}
