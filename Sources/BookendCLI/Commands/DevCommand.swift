import ArgumentParser
import BookendModel
import BookendTransport
import Glibc

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a whole fleet on this machine, to try.",
        discussion: """
            Makes keys and configurations, starts a coordinator, a collector and agents,
            all with their real programs, and runs until Ctrl-C. A second start with the
            same directory goes on with what is there.

            The directory holds: run/ (sockets), scripts/ (pre_script.sh and
            post_script.sh of your policies), repositories/, restore/ (where each agent
            may restore to), logs/, and the configurations.

            Examples:
              bookend dev
              bookend dev --agents 10 --directory ~/fleet
              bookend dev --prepare-only --directory ~/fleet
              bookend-coordinator run --config ~/fleet/coordinator.yaml
            """)

    @Option(help: "How many agents.")
    var agents = 3
    @Option(help: "Where everything is kept; default: ~/.local/state/bookend/dev.", completion: .directory)
    var directory: String?
    @Flag(help: "Only make the files.")
    var prepareOnly = false

    func validate() throws {
        guard (1...500).contains(agents) else { throw ValidationError("--agents: expected 1 to 500") }
    }

    func run() async throws {
        umask(0o077)
        let layout = DevLayout(directory: try absoluteDirectory())
        let ids = DevLayout.agents(agents)
        let programs = try programDirectory()
        let lock = try lock(layout)
        defer { close(lock) }
        if !prepareOnly { try await DevRemains(layout: layout).awaitEnd() }
        try DevPreparation(layout: layout, agents: ids).run()
        if prepareOnly {
            Output.write("\(layout.directory) is prepared for \(Phrases.count(agents, "agent"))")
            return
        }
        let network: any Network
        do {
            network = try SocketThread()
        } catch {
            throw CLIError(.failed, error.message)
        }
        Output.note("starting a coordinator, a collector and \(Phrases.count(agents, "agent")) in \(layout.directory)")
        let fleet = DevFleet(layout: layout, agents: ids, programs: programs, network: network)
        let text = greeting(layout, own(programs))
        try await fleet.run { Output.standardOutput.write(text) }
    }

    /// What to type for this program: its name where a shell finds it, else its path.
    private func own(_ programs: String) -> String {
        let path = "\(programs)/bookend"
        for folder in (ProcessEnvironment.all["PATH"] ?? "").split(separator: ":") {
            guard let found = realpath("\(folder)/bookend", nil) else { continue }
            defer { free(found) }
            return String(cString: found) == path ? "bookend" : path
        }
        return path
    }

    private func greeting(_ layout: DevLayout, _ bookend: String) -> String {
        """
        The fleet runs: \(Phrases.count(agents, "agent")) online. In another terminal:

          export BOOKEND_COORDINATOR=ipc://\(layout.coordinatorSocket)
          export BOOKEND_COLLECTOR=ipc://\(layout.collectorSocket)
          export BOOKEND_FEED=ipc://\(layout.feedSocket)
          \(bookend) status
          \(bookend) policy apply \(layout.example)
          \(bookend) backup example --wait

        Scripts go into \(layout.scripts); logs are in \(layout.path("logs")). Ctrl-C stops everything.

        """
    }

    private func absoluteDirectory() throws(CLIError) -> String {
        if let directory {
            if directory.hasPrefix("/") {
                return directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
            }
            guard let here = getcwd(nil, 0) else { throw CLIError(.failed, "there is no current directory") }
            defer { free(here) }
            return String(cString: here) + "/" + directory
        }
        let environment = ProcessEnvironment.all
        guard let home = environment["XDG_STATE_HOME"] ?? environment["HOME"].map({ $0 + "/.local/state" }) else {
            throw CLIError(.usage, "HOME is not set: name a directory with --directory")
        }
        return home + "/bookend/dev"
    }

    /// The daemons' programs stand beside this one.
    private func programDirectory() throws(CLIError) -> String {
        guard let path = realpath("/proc/self/exe", nil) else {
            throw CLIError(.failed, "cannot find out where this program is")
        }
        defer { free(path) }
        let directory = String(cString: path).split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        for name in ["bookend-coordinator", "bookend-collector", "bookend-agent", "bookend-supervisor"]
        where access("\(directory)/\(name)", X_OK) != 0 {
            throw CLIError(.failed, "\(directory)/\(name) is missing: build or install all of Bookend's programs")
        }
        return directory
    }

    /// One `bookend dev` a directory.
    private func lock(_ layout: DevLayout) throws(CLIError) -> Int32 {
        try DevFiles.makeDirectories(above: layout.directory)
        try DevFiles.makeDirectory(layout.directory)
        let descriptor = open(layout.path("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw CLIError(
                .failed, "\(layout.directory) is used by another bookend dev: stop it, or name another --directory")
        }
        return descriptor
    }
}
