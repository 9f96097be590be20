package import BookendModel

/// What `collector.yaml` says; every key has a default, and so an empty file will do.
package struct CollectorConfiguration: Hashable, Sendable {
    /// `state_directory`: an absolute path; default `/var/lib/bookend-collector`. The database.
    package var stateDirectory = "/var/lib/bookend-collector"
    /// `key_file`: an absolute path; default `collector.key` in the state directory. The secret CURVE key.
    package var keyFile = "/var/lib/bookend-collector/collector.key"
    /// `keys`: an absolute path; default `/etc/bookend/keys`. The file of admitted peers.
    package var keys = "/etc/bookend/keys"
    /// `intake`: `tcp://address:port` to listen on; default `tcp://*:7510`. Agents report here.
    package var intake = "tcp://*:7510"
    /// `feed`: `tcp://address:port` to listen on; default `tcp://*:7511`. Stored reports are published here.
    package var feed = "tcp://*:7511"
    /// `query`: `ipc:///absolute/path` or `tcp://address:port`; default `ipc:///run/bookend-collector/collector.sock`. Clients
    /// ask here.
    package var query = "ipc:///run/bookend-collector/collector.sock"
    /// `local_feed`: `ipc:///absolute/path`; default `ipc:///run/bookend-collector/collector-feed.sock`. The feed once
    /// more, for subscribers on this machine.
    package var localFeed = "ipc:///run/bookend-collector/collector-feed.sock"
    /// `socket_mode` and `socket_group`: who may connect to ``localFeed``, and to ``query`` when it is a Unix socket.
    package var socket = SocketAccess()
    /// `coordinator`: where the roster comes from; default what this collector was enrolled with, or none: the collector
    /// knows only what reports say.
    package var coordinator: Coordinator?
    /// `advertise`: where others reach this collector; default none: newcomers are not told of it.
    package var advertise = Advertise()
    /// `log_level`: trace, debug, info, notice, warning, error or critical; default info.
    package var logLevel = LogLevel.info
    /// `retention`
    package var retention = Retention()
    /// `agent_lost_after`: a job counts as agent-lost (40) once its agent is unheard of for this long, or is heard and has not
    /// named it for as long; a duration, 5s to 1d, default 5m.
    package var agentLostAfter = Duration.seconds(300)
    /// `missed_after`: a job counts as missed (41) when it has not started this long after its deadline; a duration, 5s to
    /// 1d, default 5m.
    package var missedAfter = Duration.seconds(300)
    /// `dead_man`; default none.
    package var deadMan: DeadManConfiguration?
    /// `alerts`: when people are told.
    package var alerts = AlertRules()
    /// `channels`: how people are told; default none.
    package var channels: [ChannelConfiguration] = []
    /// `routes`: of what; default none: of everything.
    package var routes: [RouteConfiguration] = []
    /// `objectives`: how old the last good backup of a server may be; default none.
    package var objectives: [ObjectiveConfiguration] = []

    package struct Coordinator: Hashable, Sendable {
        /// `sync`: `tcp://host:port`; required.
        package var sync: String
        /// `public_key`: the coordinator's CURVE key, 40 characters of Z85; required.
        package var publicKey: String

        package init(sync: String, publicKey: String) {
            self.sync = sync
            self.publicKey = publicKey
        }
    }

    package struct Advertise: Hashable, Sendable {
        /// `intake`: `tcp://host:port`; default none.
        package var intake: String?
        /// `feed`: `tcp://host:port`; default none.
        package var feed: String?
        /// `query`: `tcp://host:port`; default none.
        package var query: String?

        package init() {}
    }

    package struct Retention: Hashable, Sendable {
        /// `reports`: how long reports are kept; a duration, 1d to 3660d, default 90d.
        package var reports = Duration.seconds(90 * 86_400)
        /// `jobs`: how long jobs are kept; a duration, 1d to 3660d and no shorter than `reports`, default 730d.
        package var jobs = Duration.seconds(730 * 86_400)

        package init() {}
    }

    package init() {}
}

extension CollectorConfiguration {
    package static let defaultPath = "/etc/bookend/collector.yaml"

    static let keyTable = KeyTable(
        "",
        [
            "state_directory": "an absolute path", "key_file": "an absolute path", "keys": "an absolute path",
            "intake": "an endpoint such as tcp://*:7510", "feed": "an endpoint such as tcp://*:7511",
            "query": "an endpoint such as ipc:///run/bookend-collector/collector.sock",
            "local_feed": "an endpoint such as ipc:///run/bookend-collector/collector-feed.sock",
            "socket_mode": SocketAccess.modeHint, "socket_group": SocketAccess.groupHint,
            "coordinator": "a mapping with sync and public_key", "log_level": "a log level such as info",
            "retention": "a mapping with reports and jobs", "agent_lost_after": "a duration such as 5m",
            "missed_after": "a duration such as 5m", "dead_man": "a mapping with url and every",
            "alerts":
                "a mapping with quiet, longest, growth, growth_alike, reminders, agent_offline_after and overdue_after",
            "channels": "a list of mappings with name and type",
            "routes": "a list of mappings with channels, policies, labels, severity and kinds",
            "objectives": "a list of mappings with policies and within",
            "advertise": "where others reach this collector: a mapping with intake, feed and query",
        ])
    static let advertiseKeys = KeyTable(
        "advertise",
        [
            "intake": "an endpoint such as tcp://bookend.example.org:7510",
            "feed": "an endpoint such as tcp://bookend.example.org:7511",
            "query": "an endpoint such as tcp://bookend.example.org:7512",
        ])
    static let coordinatorKeys = KeyTable(
        "coordinator",
        [
            "sync": "an endpoint such as tcp://bookend.example.org:7500",
            "public_key": "the coordinator's public key, 40 characters",
        ])
    static let retentionKeys = KeyTable(
        "retention", ["reports": "a duration such as 90d", "jobs": "a duration such as 730d"])

    static let tables = [
        keyTable, coordinatorKeys, advertiseKeys, retentionKeys, DeadManConfiguration.keyTable, AlertRules.keyTable,
        ChannelConfiguration.keyTable, RouteConfiguration.keyTable, ObjectiveConfiguration.keyTable,
    ]

    /// Reads `collector.yaml`.
    ///
    /// - Throws: ``FileError`` with everything that is wrong; the collector must not start then.
    package static func read(path: String) throws(FileError) -> CollectorConfiguration {
        var configuration = try read(bytes: FileSystem.bytes(of: path), file: path)
        if configuration.coordinator == nil,
            let enrolled = try EnrollmentFile.read(directory: configuration.stateDirectory)
        {
            configuration.coordinator = Coordinator(
                sync: enrolled.coordinator.sync, publicKey: enrolled.coordinator.publicKey)
        }
        return configuration
    }

    /// What the file says while this collector is not enrolled yet. A file that is not there counts as empty.
    package static func readForEnrollment(path: String) throws(FileError) -> CollectorConfiguration {
        try read(bytes: FileSystem.isMissing(path) ? [] : try FileSystem.bytes(of: path), file: path)
    }

    package static func read(bytes: [UInt8], file: String) throws(FileError) -> CollectorConfiguration {
        try ConfigurationFile.read(bytes: bytes, file: file, tables: tables) { keys in
            var result = CollectorConfiguration()
            if let directory = keys["state_directory"]?.absolutePath() {
                result.stateDirectory = directory
                result.keyFile = directory + "/collector.key"
            }
            result.keyFile = keys["key_file"]?.absolutePath() ?? result.keyFile
            result.keys = keys["keys"]?.absolutePath() ?? result.keys
            result.intake = keys["intake"]?.endpoint(.bindTCP) ?? result.intake
            result.feed = keys["feed"]?.endpoint(.bindTCP) ?? result.feed
            result.query = keys["query"]?.endpoint(.bindAny) ?? result.query
            result.localFeed = keys["local_feed"]?.endpoint(.bindIPC) ?? result.localFeed
            result.socket = SocketAccess.read(keys)
            result.coordinator = keys["coordinator"]?.mapping(coordinatorKeys).map { keys in
                Coordinator(
                    sync: keys.required("sync")?.endpoint(.connectTCP) ?? "",
                    publicKey: keys.required("public_key")?.publicKey() ?? "")
            }
            if let keys = keys["advertise"]?.mapping(advertiseKeys) {
                result.advertise.intake = keys["intake"]?.endpoint(.connectTCP)
                result.advertise.feed = keys["feed"]?.endpoint(.connectTCP)
                result.advertise.query = keys["query"]?.endpoint(.connectTCP)
            }
            result.logLevel = keys["log_level"]?.enumeration(LogLevel.self) ?? result.logLevel
            result.retention = retention(keys["retention"])
            let silence = Duration.seconds(5)...Duration.seconds(86_400)
            result.agentLostAfter = keys["agent_lost_after"]?.duration(in: silence) ?? result.agentLostAfter
            result.missedAfter = keys["missed_after"]?.duration(in: silence) ?? result.missedAfter
            result.deadMan = DeadManConfiguration.read(keys["dead_man"])
            result.alerts = AlertRules.read(keys["alerts"])
            result.channels = ChannelConfiguration.read(keys["channels"])
            result.routes = RouteConfiguration.read(keys["routes"], channels: result.channels)
            result.objectives = ObjectiveConfiguration.read(keys["objectives"])
            return result
        }
    }

    private static func retention(_ value: YAMLValue?) -> Retention {
        guard let keys = value?.mapping(retentionKeys) else { return Retention() }
        let range = Duration.seconds(86_400)...Duration.seconds(3660 * 86_400)
        var result = Retention()
        result.reports = keys["reports"]?.duration(in: range) ?? result.reports
        result.jobs = keys["jobs"]?.duration(in: range) ?? result.jobs
        if result.jobs < result.reports {
            (keys["jobs"] ?? keys["reports"])?.report(
                "jobs (\(DurationText.render(result.jobs))) must be kept at least as long as their reports "
                    + "(\(DurationText.render(result.reports)))")
        }
        return result
    }
}
