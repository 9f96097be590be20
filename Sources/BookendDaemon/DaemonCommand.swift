package import ArgumentParser
import BookendFiles
import BookendModel
import Glibc

/// The version of the programs.
package let softwareVersion = ProtocolVersion.software

/// Runs a daemon's command line, with exit statuses that mean something.
package enum DaemonCommand {
    /// Parses, runs, and exits: 0 as asked, 1 failed, 2 wrong usage or configuration.
    package static func main<Command: AsyncParsableCommand>(_ command: Command.Type) async -> Never {
        do {
            var parsed = try Command.parseAsRoot()
            if var asynchronous = parsed as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try parsed.run()
            }
            exit(0)
        } catch let error as FileError {
            DaemonProgram.complain(Command._commandName, error)
            exit(DaemonProgram.usageStatus)
        } catch {
            let status = Command.exitCode(for: error)
            if error is ExitCode { exit(status.rawValue) }
            if status == .validationFailure || status == .success {
                let message = Command.fullMessage(for: error)
                if status == .success {
                    print(message)
                    exit(0)
                }
                DaemonProgram.complain(Command._commandName, message)
                exit(DaemonProgram.usageStatus)
            }
            DaemonProgram.complain(Command._commandName, error)
            exit(1)
        }
    }
}
