import BookendModel

extension AgentConfiguration {
    package static let defaultPath = "/etc/bookend/agent.yaml"

    static let keys = KeyTable(
        "",
        [
            "id": "the agent's id, a name", "labels": "a mapping of labels such as role: web",
            "state_directory": "an absolute path", "key_file": "an absolute path",
            "coordinator": "a mapping with sync, broadcast and public_key",
            "collectors": "a list of mappings with intake and public_key",
            "repositories": "a mapping of names to repositories",
            "guard": "a mapping with script_directories, scripts, restore_directories, backup_paths and commands",
            "status_maps": "a mapping of names to maps of numbers", "limits": "a mapping with jobs and output",
            "restic": "a program's name or absolute path", "log_level": "a log level such as info",
            "heartbeat": "a duration such as 15s", "autonomy": "a mapping with grace and splay",
            "scripts": "a mapping with as", "on_isolation": "a mapping with command and after",
        ])
    static let coordinatorKeys = KeyTable(
        "coordinator",
        [
            "sync": "an endpoint such as tcp://bookend.example.org:7500",
            "broadcast": "an endpoint such as tcp://bookend.example.org:7501",
            "public_key": "the coordinator's public key, 40 characters",
        ])
    static let collectorKeys = KeyTable(
        "collectors",
        [
            "intake": "an endpoint such as tcp://bookend.example.org:7510",
            "public_key": "the collector's public key, 40 characters",
        ])
    static let limitKeys = KeyTable(
        "limits", ["jobs": "a whole number from 1 to 64", "output": "a size from 4KiB to 64MiB"])

    static let autonomyKeys = KeyTable(
        "autonomy", ["grace": "a duration from 1s to 1h", "splay": "a duration from 0s to 1h"])

    static let scriptsKeys = KeyTable("scripts", ["as": "auto, child or transient-service"])

    static let onIsolationKeys = KeyTable(
        "on_isolation",
        ["command": "a list: a program's absolute path, and its arguments", "after": "a duration from 1s to 30d"])

    /// Every mapping of the file.
    package static let tables = [
        keys, coordinatorKeys, collectorKeys, repositoryKeys, guardKeys, scriptDirectoryKeys, pinnedScriptKeys,
        commandKeys, limitKeys,
        autonomyKeys, scriptsKeys, onIsolationKeys,
    ]

    /// Reads `agent.yaml`.
    ///
    /// - Parameter hostName: The agent's id unless the file names another.
    /// - Throws: ``FileError`` with everything that is wrong; the agent must not start then.
    package static func read(path: String, hostName: String) throws(FileError) -> AgentConfiguration {
        try read(bytes: FileSystem.bytes(of: path), file: path, hostName: hostName) {
            (directory) throws(FileError) in try EnrollmentFile.read(directory: directory)
        }
    }

    /// What the file says while this server is not enrolled yet: coordinator and collectors are stand-ins. A file that is
    /// not there counts as empty.
    package static func readForEnrollment(path: String, hostName: String) throws(FileError) -> AgentConfiguration {
        let nobody = EnrollmentFile(
            id: nil, coordinator: Coordinator(sync: "", broadcast: "", publicKey: ""), collectors: [])
        let bytes = FileSystem.isMissing(path) ? [] : try FileSystem.bytes(of: path)
        return try read(bytes: bytes, file: path, hostName: hostName) { _ in nobody }
    }

    /// - Parameter enrollment: What was written into this state directory when the server was enrolled.
    package static func read(
        bytes: [UInt8], file: String, hostName: String,
        enrollment: (String) throws(FileError) -> EnrollmentFile? = { _ in nil }
    ) throws(FileError) -> AgentConfiguration {
        var failure: FileError?
        let configuration = try ConfigurationFile.read(bytes: bytes, file: file, tables: tables) { keys in
            let stateDirectory = keys["state_directory"]?.absolutePath() ?? "/var/lib/bookend-agent"
            var enrolled: EnrollmentFile?
            do throws(FileError) {
                enrolled = try enrollment(stateDirectory)
            } catch {
                failure = error
            }
            let restic = keys["restic"]?.program() ?? "restic"
            let isolation = keys["on_isolation"].flatMap(onIsolation)
            let programs = [("restic", restic), ("on_isolation", isolation?.command.first ?? "")]
            return AgentConfiguration(
                id: id(keys, enrolled, hostName: hostName),
                labels: (enrolled?.labels ?? [:]).merging(keys["labels"]?.labels() ?? [:]) { $1 },
                stateDirectory: stateDirectory,
                keyFile: keys["key_file"]?.absolutePath(),
                coordinator: keys["coordinator"] == nil
                    ? enrolled?.coordinator ?? coordinator(keys.required("coordinator"))
                    : coordinator(keys["coordinator"]),
                collectors: keys["collectors"] == nil
                    ? enrolled?.collectors ?? collectors(keys.required("collectors"))
                    : collectors(keys["collectors"]),
                repositories: repositories(keys["repositories"]),
                permissions: permissions(
                    keys["guard"], stateDirectory: stateDirectory, programs: programs.filter { $0.1.hasPrefix("/") }),
                statusMaps: keys["status_maps"]?.statusMaps() ?? [:],
                limits: limits(keys["limits"]),
                restic: restic,
                logLevel: keys["log_level"]?.enumeration(LogLevel.self) ?? .info,
                heartbeat: keys["heartbeat"]?.duration(in: .seconds(1) ... .seconds(300)) ?? .seconds(15),
                autonomy: autonomy(keys["autonomy"]), scripts: scripts(keys["scripts"]),
                onIsolation: isolation)
        }
        if let failure { throw failure }
        return configuration
    }

    private static func id(_ keys: MappingReader, _ enrolled: EnrollmentFile?, hostName: String) -> AgentID {
        if let value = keys["id"] {
            let id = value.name(AgentID.self) ?? AgentID(rawValue: "x")
            if let name = enrolled?.id, name != id, keys["coordinator"] == nil {
                value.report("this server was enrolled as '\(name)': say that here, or leave the key out")
            }
            return id
        }
        if let id = enrolled?.id { return id }
        if !AgentID.isWellFormed(hostName) {
            keys.value.findings.report(
                at: .start, keyPath: "id",
                "missing, and the host name '\(hostName.clipped)' \(TextRules.nameProblem(hostName) ?? "")")
        }
        return AgentID(rawValue: hostName)
    }

    static func coordinator(_ value: YAMLValue?) -> Coordinator {
        let keys = value?.mapping(coordinatorKeys)
        return Coordinator(
            sync: keys?.required("sync")?.endpoint(.connectTCP) ?? "",
            broadcast: keys?.required("broadcast")?.endpoint(.connectTCP) ?? "",
            publicKey: keys?.required("public_key")?.publicKey() ?? "")
    }

    static func collectors(_ value: YAMLValue?) -> [Collector] {
        let collectors = value?.list { item -> Collector? in
            guard let keys = item.mapping(collectorKeys) else { return nil }
            return Collector(
                intake: keys.required("intake")?.endpoint(.connectTCP) ?? "",
                publicKey: keys.required("public_key")?.publicKey() ?? "")
        }
        if let value, value.isEmptyList {
            value.report("is empty: expected at least one collector")
        }
        return collectors ?? []
    }

    private static func autonomy(_ value: YAMLValue?) -> Autonomy {
        var result = Autonomy()
        guard let keys = value?.mapping(autonomyKeys) else { return result }
        result.grace = keys["grace"]?.duration(in: .seconds(1) ... .seconds(3_600)) ?? result.grace
        result.splay = keys["splay"]?.duration(in: .zero ... .seconds(3_600)) ?? result.splay
        return result
    }

    private static func scripts(_ value: YAMLValue?) -> Scripts {
        var result = Scripts()
        guard let keys = value?.mapping(scriptsKeys) else { return result }
        result.start = keys["as"]?.enumeration(Scripts.Start.self) ?? result.start
        return result
    }

    private static func onIsolation(_ value: YAMLValue) -> OnIsolation? {
        guard let keys = value.mapping(onIsolationKeys), let list = keys.required("command") else { return nil }
        let command = list.list { $0.string() ?? "" } ?? []
        if command.isEmpty {
            if list.isEmptyList { list.report("is empty: expected a program's absolute path, and its arguments") }
            return nil
        }
        if let problem = TextRules.absolutePathProblem(command[0]) {
            list.report("'\(command[0].clipped)' \(problem)")
        }
        var result = OnIsolation(command: command)
        result.after = keys["after"]?.duration(in: .seconds(1) ... .seconds(30 * 86_400)) ?? result.after
        return result
    }

    private static func limits(_ value: YAMLValue?) -> Limits {
        var result = Limits()
        guard let keys = value?.mapping(limitKeys) else { return result }
        result.jobs = keys["jobs"]?.int(in: 1...64) ?? result.jobs
        result.output = keys["output"]?.byteCount(in: .kibibytes(4) ... .mebibytes(64)) ?? result.output
        return result
    }
}
