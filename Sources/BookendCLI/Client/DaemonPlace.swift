import BookendTransport
import Glibc

/// A daemon and where it should be, for messages.
struct DaemonPlace: Hashable, Sendable {
    enum Daemon: Hashable, Sendable {
        case coordinator, collector, feed

        var name: String {
            switch self {
            case .coordinator: "the coordinator"
            case .collector: "the collector"
            case .feed: "the collector's feed"
            }
        }

        fileprivate var program: String { self == .coordinator ? "bookend-coordinator" : "bookend-collector" }
        fileprivate var option: String {
            switch self {
            case .coordinator: "--coordinator"
            case .collector: "--collector"
            case .feed: "--feed"
            }
        }
    }

    let daemon: Daemon
    let endpoint: String

    init(_ daemon: Daemon, _ endpoint: String) {
        self.daemon = daemon
        self.endpoint = endpoint
    }

    /// Why there is no connection, and what to look at next.
    func unreachable(_ reason: LossReason?) -> CLIError {
        let cannot = "cannot reach \(daemon.name) at \(endpoint): "
        switch reason {
        case .refused:
            return CLIError(
                .refused,
                "\(daemon.name) at \(endpoint) does not admit your key: it must stand in the daemon's key file as "
                    + "operator/NAME, and not be revoked")
        case .handshakeFailed:
            return CLIError(
                .unreachable,
                cannot + "who listens there is not the daemon with the public key that your configuration names")
        case .disconnected:
            return CLIError(
                .unreachable, "\(daemon.name) at \(endpoint) went away: see its log, and try again")
        case .unreachable, nil:
            return CLIError(.unreachable, cannot + hint)
        }
    }

    /// It is there and does not answer.
    func silent(after patience: Duration) -> CLIError {
        CLIError(
            .unreachable,
            "\(daemon.name) at \(endpoint) did not answer within \(Phrases.duration(patience)): see its log, and try again"
        )
    }

    private var hint: String {
        let other = "another place is named by \(daemon.option) or a context"
        guard endpoint.hasPrefix("ipc://") else {
            return "nobody listens there, or a firewall is between: is \(daemon.program) running? (\(other))"
        }
        let path = String(endpoint.dropFirst("ipc://".count))
        if access(path, F_OK) != 0 {
            return errno == EACCES
                ? "you may not enter the socket's directory (try sudo, or ask to be let in)"
                : "there is no such socket: is \(daemon.program) running on this machine? (\(other))"
        }
        if access(path, W_OK) != 0 {
            return "you may not use this socket (try sudo, or ask to be let in)"
        }
        return "the socket is there and nobody listens: is \(daemon.program) running? (\(other))"
    }
}
