package import BookendTransport
import Glibc
package import Logging
import ServiceLifecycle
import UnixSignals

/// What the programs of the three daemons do alike.
package enum DaemonProgram {
    /// Exit status: wrong usage, or a wrong configuration.
    package static let usageStatus: Int32 = 2

    /// A logger for the whole process.
    ///
    /// - Parameter level: A level's name, as configurations spell it.
    package static func logger(label: String, level: String) -> Logger {
        let level = Logger.Level(rawValue: level) ?? .info
        return Logger(label: label) { _ in DaemonLogHandler(level: level) }
    }

    /// What asks a daemon to stop once what it does has ended.
    package static let drainSignal = SIGUSR1

    /// Runs until the body returns. SIGTERM and SIGINT ask it to stop, by service-lifecycle's graceful shutdown.
    ///
    /// - Parameter drain: Called at each ``drainSignal``; `nil`: the daemon knows none.
    package static func run(
        logger: Logger, drain: (@Sendable () -> Void)? = nil, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        // A peer that went away is an error of the write, not a signal.
        signal(SIGPIPE, SIG_IGN)
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        var services = [
            ServiceGroupConfiguration.ServiceConfiguration(
                service: Body(run: body), successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup)
        ]
        if let drain {
            let listener = Body {
                for await _ in await UnixSignalsSequence(trapping: .sigusr1).cancelOnGracefulShutdown() { drain() }
            }
            services.append(.init(service: listener, successTerminationBehavior: .ignore))
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
        try await group.run()
    }

    private struct Body: Service {
        var run: @Sendable () async throws -> Void

        func run() async throws { try await self.run() }
    }

    /// Makes a key pair, writes the secret half to a file that must not exist yet, and returns what to print.
    package static func makeKeys(out: String, role: String) throws(TransportError) -> String {
        let pair = try CurveKeyPair.generate()
        try pair.write(secretFile: out)
        return """
            \(pair.publicKey.text)

            The secret key is in \(out) (mode 0600); it never needs to leave this machine.
            The line above is the public key. In the key file of coordinator and collector it stands as:
              \(pair.publicKey.text) \(role)/NAME
            """
    }

    /// Writes an error to standard error, as `program: message`.
    package static func complain(_ program: String, _ error: Any) {
        let line = "\(program): \(error)\n"
        _ = Array(line.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
