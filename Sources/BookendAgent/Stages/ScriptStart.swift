package import BookendFiles
import Glibc
import Subprocess
import SystemPackage

/// How scripts are started: by `systemd-run`, each as a service of its own, or as the agent's children.
package struct ScriptStart: Sendable {
    /// The path of `systemd-run`; `nil`: as children.
    package var systemdRun: String?

    package static let child = ScriptStart(systemdRun: nil)

    package init(systemdRun: String?) { self.systemdRun = systemdRun }

    /// - Parameter path: Where programs are looked for, as PATH has it.
    /// - Throws: ``AgentError`` when the configuration asks for what this server does not have.
    package init(
        _ start: AgentConfiguration.Scripts.Start, path: String
    ) throws(AgentError) {
        // As sd_booted(3) does.
        let isBooted = access("/run/systemd/system", F_OK) == 0
        switch start {
        case .child: systemdRun = nil
        case .auto: systemdRun = isBooted && geteuid() == 0 ? ExecutablePath.find("systemd-run", in: path) : nil
        case .transientService:
            guard let program = ExecutablePath.find("systemd-run", in: path) else {
                throw AgentError(
                    .configuration,
                    "scripts.as is transient-service, and there is no systemd-run in \(path): install systemd, or write "
                        + "scripts: {as: child}")
            }
            systemdRun = program
        }
    }
}

extension TransientService {
    /// Ends all processes of a unit that an agent that died has left.
    static func stop(_ unit: String) async {
        guard let systemctl = ExecutablePath.find("systemctl", in: AgentPath.value) else { return }
        // A unit that is gone, or a systemd that does not answer: the processes are ended by their pids all the same.
        _ = try? await Subprocess.run(
            .path(FilePath(systemctl)), arguments: ["stop", "--no-block", "--", unit], input: .none, output: .discarded,
            error: .discarded)
    }
}

/// Where the agent itself looks for programs of the system.
enum AgentPath {
    static var value: String {
        getenv("PATH").map { String(cString: $0) } ?? StageProgram.cleanEnvironment(home: "/")["PATH"]!
    }
}
