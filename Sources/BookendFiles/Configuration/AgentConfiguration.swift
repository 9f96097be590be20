package import BookendModel

/// What one server says for itself in `agent.yaml`: who it is, whom it listens to, where its repositories are and with
/// which secrets, and what it allows.
package struct AgentConfiguration: Hashable, Sendable {
    /// `id`: a name; default the host name.
    package var id: AgentID
    /// `labels`: name to text of 1 to 128 bytes; default none. Selectors pick agents by them.
    package var labels: [String: String]
    /// `state_directory`: an absolute path; default `/var/lib/bookend-agent`. Journal, outbox and captured output.
    package var stateDirectory: String
    /// `key_file`: an absolute path; default `agent.key` in the state directory. The agent's secret CURVE key.
    package var keyFile: String
    /// `coordinator`: required.
    package var coordinator: Coordinator
    /// `collectors`: a list; at least one.
    package var collectors: [Collector]
    /// `repositories`: by the names that policies use; default none.
    package var repositories: [RepositoryName: Repository]
    /// `guard`: what may be run, read and written here.
    package var permissions: Permissions
    /// `status_maps`: by the names that policies use in `status_profile`; default none. Our number to theirs.
    package var statusMaps: [String: StatusMap]
    /// `limits`
    package var limits: Limits
    /// `restic`: a program, by absolute path or by a name to look up in `PATH`; default `restic`.
    package var restic: String
    /// `log_level`: trace, debug, info, notice, warning, error or critical; default info.
    package var logLevel: LogLevel
    /// `heartbeat`: how often the agent tells the coordinator that it lives; a duration, 1s to 5m, default 15s.
    package var heartbeat: Duration
    /// `autonomy`: how jobs of the schedule start when the coordinator does not order them.
    package var autonomy: Autonomy
    /// `scripts`: how scripts are started.
    package var scripts: Scripts
    /// `on_isolation`: what is run when the coordinator was not heard of for long; default nothing.
    package var onIsolation: OnIsolation?

    package init(
        id: AgentID, labels: [String: String] = [:], stateDirectory: String = "/var/lib/bookend-agent",
        keyFile: String? = nil, coordinator: Coordinator, collectors: [Collector],
        repositories: [RepositoryName: Repository] = [:], permissions: Permissions = Permissions(),
        statusMaps: [String: StatusMap] = [:], limits: Limits = Limits(), restic: String = "restic",
        logLevel: LogLevel = .info, heartbeat: Duration = .seconds(15), autonomy: Autonomy = Autonomy(),
        scripts: Scripts = Scripts(), onIsolation: OnIsolation? = nil
    ) {
        self.id = id
        self.labels = labels
        self.stateDirectory = stateDirectory
        self.keyFile = keyFile ?? stateDirectory + "/agent.key"
        self.coordinator = coordinator
        self.collectors = collectors
        self.repositories = repositories
        self.permissions = permissions
        self.statusMaps = statusMaps
        self.limits = limits
        self.restic = restic
        self.logLevel = logLevel
        self.heartbeat = heartbeat
        self.autonomy = autonomy
        self.scripts = scripts
        self.onIsolation = onIsolation
    }

    package struct Coordinator: Hashable, Sendable {
        /// `sync`: `tcp://host:port`; required.
        package var sync: String
        /// `broadcast`: `tcp://host:port`; required.
        package var broadcast: String
        /// `public_key`: the coordinator's CURVE key, 40 characters of Z85; required.
        package var publicKey: String

        package init(sync: String, broadcast: String, publicKey: String) {
            self.sync = sync
            self.broadcast = broadcast
            self.publicKey = publicKey
        }
    }

    package struct Collector: Hashable, Sendable {
        /// `intake`: `tcp://host:port`; required.
        package var intake: String
        /// `public_key`: the collector's CURVE key, 40 characters of Z85; required.
        package var publicKey: String

        package init(intake: String, publicKey: String) {
            self.intake = intake
            self.publicKey = publicKey
        }
    }

    package struct Scripts: Hashable, Sendable {
        package enum Start: String, Hashable, Sendable, CaseIterable {
            /// As transient services where systemd runs and the agent is root; otherwise as children.
            case auto
            /// As the agent's own processes: they share its sandbox.
            case child
            /// By `systemd-run`: each in a cgroup of its own, free of the agent's sandbox.
            case transientService = "transient-service"
        }

        /// `as`: auto, child or transient-service; default auto.
        package var start = Start.auto

        package init() {}
    }

    package struct Autonomy: Hashable, Sendable {
        /// `grace`: how long after its start a job waits for the coordinator's order; 1s to 1h, default 60s.
        package var grace = Duration.seconds(60)
        /// `splay`: agents wait up to this much longer, each its own part of it; 0s to 1h, default 60s.
        package var splay = Duration.seconds(60)

        package init() {}
    }

    package struct OnIsolation: Hashable, Sendable {
        /// `command`: a program by its absolute path, and its arguments; required. Run once per isolation.
        package var command: [String]
        /// `after`: how long the coordinator must not have been heard of; 1s to 30d, default 24h.
        package var after = Duration.seconds(86_400)

        package init(command: [String]) { self.command = command }
    }

    package struct Limits: Hashable, Sendable {
        /// `jobs`: how many jobs run at once; 1 to 64, default 4.
        package var jobs = 4
        /// `output`: how much of each output of each script is kept; 4KiB to 64MiB, default 1MiB.
        package var output = ByteCount.mebibytes(1)

        package init() {}
    }
}
