import BookendDaemon
import BookendFiles
package import BookendModel
import BookendTransport
import Glibc

/// The server that an agent works on: what it runs there, and what it can say of it. A simulation puts its own in its
/// place.
package protocol AgentServer: Sendable {
    var stages: any AttemptStages { get }

    /// Ends what an agent that died has left running here. Called once, before anything else is run.
    ///
    /// - Returns: What was ended, for people.
    func endLeftovers() async -> [String]

    /// What answers the questions of operators.
    func answering(for director: JobDirector) -> any AskAnswering

    /// Looks at the scripts of these policies, without running them, and hands over what it found; `nil`: it could not look.
    ///
    /// Returns at once, whatever the file system does: what does not come may never come.
    func survey(
        _ policies: [PolicyRevision], at now: UnixTime,
        _ found: @escaping @Sendable ([PolicyName: ScriptSurvey]?) -> Void)

    /// Removes captured output that is no longer kept.
    func tidy()
}

/// This machine, with what the agent's configuration allows here.
struct ThisServer: AgentServer {
    /// Jobs whose captured output is kept.
    private static let outputRetention = 1_000

    private let serverStages: ServerStages
    private let running: RunningStages
    private let output: OutputStore
    private let copies: ScriptCopies
    private let permissions: GuardConfiguration
    private let clock: any DaemonClock

    /// - Parameter freeSpace: Gives back space that is kept for what must be done on a full disk; `false`: there was none.
    /// - Throws: ``AgentError`` when a repository's configuration cannot be used.
    init(
        _ configuration: AgentConfiguration, clock: any DaemonClock, freeSpace: @escaping @Sendable () -> Bool
    ) throws(AgentError) {
        self.clock = clock
        output = OutputStore(directory: configuration.stateDirectory + "/output")
        running = RunningStages(stateDirectory: configuration.stateDirectory)
        permissions = configuration.permissions
        copies = ScriptCopies(stateDirectory: configuration.stateDirectory)
        let credentials = CredentialDirectory(path: getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) })
        var repositories: [RepositoryName: RepositoryConfiguration] = [:]
        for (name, repository) in configuration.repositories {
            do throws(AgentError) {
                repositories[name] = try RepositoryConfiguration(repository, credentials: credentials)
            } catch {
                throw AgentError(error.code, "repositories.\(name): \(error.message)")
            }
        }
        serverStages = ServerStages(
            process: StageProcess(), repositories: repositories, permissions: permissions,
            statusMaps: configuration.statusMaps, output: output, running: running,
            freeSpace: freeSpace, outputLimit: Int(configuration.limits.output.bytes),
            stateDirectory: configuration.stateDirectory,
            restic: configuration.restic, home: Self.home, copies: copies,
            start: try ScriptStart(configuration.scripts.start, path: AgentPath.value))
    }

    var stages: any AttemptStages { serverStages }

    func endLeftovers() async -> [String] {
        let ended = await running.endLeftovers()
        copies.removeAll()
        return ended
    }

    func answering(for director: JobDirector) -> any AskAnswering {
        AgentAnswers(
            stages: serverStages, output: output, permissions: permissions, clock: clock, director: director)
    }

    func survey(
        _ policies: [PolicyRevision], at now: UnixTime,
        _ found: @escaping @Sendable ([PolicyName: ScriptSurvey]?) -> Void
    ) {
        let examiner = ScriptExaminer(guarding: permissions)
        let result = DetachedThread.start {
            let surveys = policies.map { ($0.policy.name, examiner.survey($0, at: now)) }
            found(Dictionary(surveys, uniquingKeysWith: { $1 }))
        }
        if result != 0 { found(nil) }
    }

    func tidy() { output.prune(keepingNewest: Self.outputRetention) }

    /// The home directory of the agent's user, for scripts.
    private static var home: String {
        guard let entry = getpwuid(getuid()), let home = entry.pointee.pw_dir else { return "/" }
        return String(cString: home)
    }
}
