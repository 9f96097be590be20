/// What `coordinator.yaml` says; every key has a default, and so an empty file will do.
package struct CoordinatorConfiguration: Hashable, Sendable {
    /// `state_directory`: an absolute path; default `/var/lib/bookend-coordinator`. The database.
    package var stateDirectory = "/var/lib/bookend-coordinator"
    /// `key_file`: an absolute path; default `coordinator.key` in the state directory. The secret CURVE key.
    package var keyFile = "/var/lib/bookend-coordinator/coordinator.key"
    /// `keys`: an absolute path; default `/etc/bookend/keys`. The file of admitted peers.
    package var keys = "/etc/bookend/keys"
    /// `sync`: `tcp://address:port` to listen on; default `tcp://*:7500`. Agents and collectors ask here.
    package var sync = "tcp://*:7500"
    /// `broadcast`: `tcp://address:port` to listen on; default `tcp://*:7501`. Agents are told here.
    package var broadcast = "tcp://*:7501"
    /// `control`: `ipc:///absolute/path` or `tcp://address:port`; default `ipc:///run/bookend-coordinator/coordinator.sock`. The
    /// CLI asks here; whoever may write to the socket's file may give orders.
    package var control = "ipc:///run/bookend-coordinator/coordinator.sock"
    /// `socket_mode` and `socket_group`: who may connect to ``control`` when it is a Unix socket.
    package var socket = SocketAccess()
    /// `log_level`: trace, debug, info, notice, warning, error or critical; default info.
    package var logLevel = LogLevel.info
    /// `agent_offline_after`: an agent unheard of for this long counts as offline; a duration, 5s to 1h, default 45s.
    package var agentOfflineAfter = Duration.seconds(45)
    /// `jobs_at_once`: when so many jobs run, starts of the schedule wait; 1 to 100000, default none: no limit.
    package var jobsAtOnce: Int?

    /// `enrollment`: how newcomers get in by tokens; default none: only those of the key file are let in.
    package var enrollment: Enrollment?
    /// `advertise`: where agents and operators reach this coordinator; required with `enrollment`.
    package var advertise: Advertise?

    package struct Enrollment: Hashable, Sendable {
        package enum Admission: String, CaseIterable, Sendable { case automatic, approved }

        /// `endpoint`: `tcp://address:port` to listen on while a token lives; default `tcp://*:7503`.
        package var endpoint = "tcp://*:7503"
        /// `advertise`: `tcp://host:port`, where newcomers reach that; required.
        package var advertise: String
        /// `admission`: `automatic`, or `approved`: an operator must approve each newcomer; default automatic. A token can
        /// say otherwise.
        package var admission = Admission.automatic

        package init(advertise: String) { self.advertise = advertise }
    }

    package struct Advertise: Hashable, Sendable {
        /// `sync`: `tcp://host:port`; required.
        package var sync: String
        /// `broadcast`: `tcp://host:port`; required.
        package var broadcast: String

        package init(sync: String, broadcast: String) {
            self.sync = sync
            self.broadcast = broadcast
        }
    }

    /// `dead_man`; default none.
    package var deadMan: DeadManConfiguration?

    package init() {}
}

extension CoordinatorConfiguration {
    package static let defaultPath = "/etc/bookend/coordinator.yaml"

    static let keyTable = KeyTable(
        "",
        [
            "state_directory": "an absolute path", "key_file": "an absolute path", "keys": "an absolute path",
            "sync": "an endpoint such as tcp://*:7500", "broadcast": "an endpoint such as tcp://*:7501",
            "control": "an endpoint such as ipc:///run/bookend-coordinator/coordinator.sock",
            "socket_mode": SocketAccess.modeHint, "socket_group": SocketAccess.groupHint,
            "log_level": "a log level such as info", "agent_offline_after": "a duration such as 45s",
            "jobs_at_once": "a whole number from 1 to 100000",
            "dead_man": "a mapping with url and every",
            "enrollment": "a mapping with endpoint, advertise and admission",
            "advertise": "where agents reach this coordinator: a mapping with sync and broadcast",
        ])
    static let enrollmentKeys = KeyTable(
        "enrollment",
        [
            "endpoint": "an endpoint such as tcp://*:7503",
            "advertise": "an endpoint such as tcp://bookend.example.org:7503", "admission": "automatic or approved",
        ])
    static let advertiseKeys = KeyTable(
        "advertise",
        [
            "sync": "an endpoint such as tcp://bookend.example.org:7500",
            "broadcast": "an endpoint such as tcp://bookend.example.org:7501",
        ])

    static let tables = [keyTable, enrollmentKeys, advertiseKeys, DeadManConfiguration.keyTable]

    /// Reads `coordinator.yaml`.
    ///
    /// - Throws: ``FileError`` with everything that is wrong; the coordinator must not start then.
    package static func read(path: String) throws(FileError) -> CoordinatorConfiguration {
        try read(bytes: FileSystem.bytes(of: path), file: path)
    }

    package static func read(bytes: [UInt8], file: String) throws(FileError) -> CoordinatorConfiguration {
        try ConfigurationFile.read(bytes: bytes, file: file, tables: tables) {
            keys in
            var result = CoordinatorConfiguration()
            if let directory = keys["state_directory"]?.absolutePath() {
                result.stateDirectory = directory
                result.keyFile = directory + "/coordinator.key"
            }
            result.keyFile = keys["key_file"]?.absolutePath() ?? result.keyFile
            result.keys = keys["keys"]?.absolutePath() ?? result.keys
            result.sync = keys["sync"]?.endpoint(.bindTCP) ?? result.sync
            result.broadcast = keys["broadcast"]?.endpoint(.bindTCP) ?? result.broadcast
            result.control = keys["control"]?.endpoint(.bindAny) ?? result.control
            result.socket = SocketAccess.read(keys)
            result.logLevel = keys["log_level"]?.enumeration(LogLevel.self) ?? result.logLevel
            result.agentOfflineAfter =
                keys["agent_offline_after"]?.duration(in: .seconds(5) ... .seconds(3600)) ?? result.agentOfflineAfter
            result.jobsAtOnce = keys["jobs_at_once"]?.int(in: 1...100_000)
            result.enrollment = keys["enrollment"]?.mapping(enrollmentKeys).map(enrollment)
            let advertise = result.enrollment == nil ? keys["advertise"] : keys.required("advertise")
            result.advertise = advertise?.mapping(advertiseKeys).map { keys in
                Advertise(
                    sync: keys.required("sync")?.endpoint(.connectTCP) ?? "",
                    broadcast: keys.required("broadcast")?.endpoint(.connectTCP) ?? "")
            }
            result.deadMan = DeadManConfiguration.read(keys["dead_man"])
            return result
        }
    }

    private static func enrollment(_ keys: MappingReader) -> Enrollment {
        var result = Enrollment(advertise: keys.required("advertise")?.endpoint(.connectTCP) ?? "")
        result.endpoint = keys["endpoint"]?.endpoint(.bindTCP) ?? result.endpoint
        result.admission = keys["admission"]?.enumeration(Enrollment.Admission.self) ?? result.admission
        return result
    }
}
