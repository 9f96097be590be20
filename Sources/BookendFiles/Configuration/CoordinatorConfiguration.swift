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
    /// `control`: `ipc:///absolute/path` or `tcp://address:port`; default `ipc:///run/bookend/coordinator.sock`. The CLI
    /// asks here; whoever may write to the socket's file may give orders.
    package var control = "ipc:///run/bookend/coordinator.sock"
    /// `socket_mode` and `socket_group`: who may connect to ``control`` when it is a Unix socket.
    package var socket = SocketAccess()
    /// `log_level`: trace, debug, info, notice, warning, error or critical; default info.
    package var logLevel = LogLevel.info
    /// `agent_offline_after`: an agent unheard of for this long counts as offline; a duration, 5s to 1h, default 45s.
    package var agentOfflineAfter = Duration.seconds(45)

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
            "control": "an endpoint such as ipc:///run/bookend/coordinator.sock",
            "socket_mode": SocketAccess.modeHint, "socket_group": SocketAccess.groupHint,
            "log_level": "a log level such as info", "agent_offline_after": "a duration such as 45s",
            "dead_man": "a mapping with url and every",
        ])

    /// Reads `coordinator.yaml`.
    ///
    /// - Throws: ``FileError`` with everything that is wrong; the coordinator must not start then.
    package static func read(path: String) throws(FileError) -> CoordinatorConfiguration {
        try read(bytes: FileSystem.bytes(of: path), file: path)
    }

    package static func read(bytes: [UInt8], file: String) throws(FileError) -> CoordinatorConfiguration {
        try ConfigurationFile.read(bytes: bytes, file: file, tables: [keyTable, DeadManConfiguration.keyTable]) {
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
            result.deadMan = DeadManConfiguration.read(keys["dead_man"])
            return result
        }
    }
}
