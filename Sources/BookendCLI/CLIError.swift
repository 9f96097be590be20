import BookendModel

/// How the program ends, for scripts.
package enum ExitStatus: Int32, Sendable {
    case allWell = 0
    /// A job or a check failed.
    case failed = 1
    case usage = 2
    /// A daemon, or an agent, cannot be reached.
    case unreachable = 3
    /// Understood and refused, also because there is no such thing.
    case refused = 4
    /// Ended by Ctrl-C.
    case interrupted = 130
}

/// Why a command ends without having done what it was asked.
package struct CLIError: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: ExitStatus
    /// Names the thing, and what to do next. Empty: all has been said already.
    package let message: String

    package init(_ code: ExitStatus, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ failure: RemoteFailure) {
        let code: ExitStatus =
            switch failure.code {
            case .invalid, .notFound, .refused: .refused
            case .unavailable: .unreachable
            case .failed, .gap: .failed
            }
        self.init(code, failure.message)
    }

    package var description: String { message }
}
