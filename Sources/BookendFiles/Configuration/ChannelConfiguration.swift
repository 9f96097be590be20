package import BookendModel

/// `channels`: a way to tell people.
package struct ChannelConfiguration: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case mail(Mail)
        case webhook(Webhook)
        case healthchecks(Healthchecks)
        case command(Command)
    }

    /// `name`: required; no other channel has it.
    package var name: String
    /// `type` and the keys that belong to it.
    package var kind: Kind

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    package struct Mail: Hashable, Sendable {
        package enum Encryption: String, Hashable, Sendable, CaseIterable {
            /// Begins in the clear, and goes on only under TLS.
            case starttls
            /// TLS from the first byte on.
            case tls
            case none
        }

        /// `server`: `host:port`; required.
        package var server: String
        /// `encryption`: starttls, tls or none; default starttls.
        package var encryption = Encryption.starttls
        /// `ca_file`: an absolute path; default: the system's authorities.
        package var caFile: String?
        /// `user`; default none: no login.
        package var user: String?
        /// `password_file`: an absolute path; required with `user`.
        package var passwordFile: String?
        /// `from`: required.
        package var from: String
        /// `to`: at least one.
        package var to: [String]
        /// `report: daily`; default none.
        package var report: Report?
        /// `timeout`: of one try; 1s to 10m, default 10m, as RFC 5321 says.
        package var timeout = Duration.seconds(600)

        package init(server: String, from: String, to: [String]) {
            self.server = server
            self.from = from
            self.to = to
        }
    }

    /// When a mail channel gets the report of the fleet: once a day.
    package struct Report: Hashable, Sendable {
        /// `report_at`: default 07:00.
        package var at = TimeOfDay(minutes: 420)
        /// `report_timezone`: a zone of the IANA database; default UTC. Whether there is such a one is not asked here.
        package var zone = "UTC"

        package init() {}
    }

    package struct Webhook: Hashable, Sendable {
        package enum Address: Hashable, Sendable {
            /// `url`
            case url(String)
            /// `url_file`: for an address that is a secret.
            case file(String)
        }

        /// Exactly one of `url` and `url_file`.
        package var address: Address
        /// `secret_file`: an absolute path; default none: messages are not signed.
        package var secretFile: String?
        /// `template`: default none: the whole notice as JSON.
        package var template: String?
        /// `content_type`: default application/json.
        package var contentType = "application/json"
        /// `ca_file`: an absolute path; default: the system's authorities.
        package var caFile: String?
        /// `timeout`: of one try; 1s to 10m, default 30s.
        package var timeout = Duration.seconds(30)

        package init(address: Address) {
            self.address = address
        }
    }

    package struct Healthchecks: Hashable, Sendable {
        /// `url`: `{policy}` and `{agent}` in it stand for the job's; required.
        package var url: String

        package init(url: String) {
            self.url = url
        }
    }

    package struct Command: Hashable, Sendable {
        /// `command`: an absolute path and arguments; required.
        package var command: [String]
        /// `timeout`: 1s to 10m, default 30s.
        package var timeout = Duration.seconds(30)

        package init(command: [String]) {
            self.command = command
        }
    }

    /// As `bookend status` shows it.
    package var kindName: String {
        switch kind {
        case .mail: "mail"
        case .webhook: "webhook"
        case .healthchecks: "healthchecks"
        case .command: "command"
        }
    }
}

/// `routes`: which alerts go to which channels. Without routes every alert goes to every channel.
package struct RouteConfiguration: Hashable, Sendable {
    /// `channels`: names; at least one.
    package var channels: [String]
    /// `policies`: names, `*` stands for any characters; default: every one.
    package var policies: [String] = []
    /// `labels`: those of the agent; default: whatever they are.
    package var labels: [String: String] = [:]
    /// `severity`: the least; default info.
    package var severity = AlertSeverity.info
    /// `kinds`: default: every one.
    package var kinds: [AlertKind] = []

    package init(channels: [String]) {
        self.channels = channels
    }
}

/// `objectives`: how old the last good backup of a server may be.
package struct ObjectiveConfiguration: Hashable, Sendable {
    /// `policies`: names, `*` stands for any characters; at least one.
    package var policies: [String]
    /// `within`: 1m to 3660d; required.
    package var within: Duration

    package init(policies: [String], within: Duration) {
        self.policies = policies
        self.within = within
    }
}
