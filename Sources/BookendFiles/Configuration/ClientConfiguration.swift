import Yams

/// What `~/.config/bookend/config.yaml` says: the fleets that this person's CLI can speak with. The file is optional.
package struct ClientConfiguration: Hashable, Sendable {
    /// `contexts`: by name; default one, `default`, that speaks with the daemons of this machine.
    package var contexts: [String: Context]
    /// `current_context`: the name of a context; default `default`.
    package var currentContext: String

    /// One fleet.
    package struct Context: Hashable, Sendable {
        /// `coordinator`: default the Unix socket of this machine's coordinator.
        package var coordinator = Peer(endpoint: CoordinatorConfiguration().control)
        /// `collector`: its queries; default the Unix socket of this machine's collector.
        package var collector = Peer(endpoint: CollectorConfiguration().query)
        /// `feed`: the collector's feed; default the Unix socket of this machine's collector.
        package var feed = Peer(endpoint: CollectorConfiguration().localFeed)
        /// `key_file`: an absolute path to the person's secret CURVE key; required when any peer is reached over TCP.
        package var keyFile: String?

        package init() {}
    }

    /// A daemon to speak with: `ipc:///absolute/path`, or a mapping of `endpoint` and `public_key`.
    package struct Peer: Hashable, Sendable {
        /// `endpoint`: `ipc:///absolute/path` or `tcp://host:port`.
        package var endpoint: String
        /// `public_key`: the daemon's CURVE key, 40 characters of Z85; required with TCP, nil otherwise.
        package var publicKey: String?

        package init(endpoint: String, publicKey: String? = nil) {
            self.endpoint = endpoint
            self.publicKey = publicKey
        }
    }

    /// The daemons of this machine.
    package init() {
        contexts = ["default": Context()]
        currentContext = "default"
    }

    /// The context in use.
    package var current: Context { contexts[currentContext] ?? Context() }
}

extension ClientConfiguration {
    static let keyTable = KeyTable(
        "", ["contexts": "a mapping of names to fleets", "current_context": "the name of a context"])
    static let contextKeys = KeyTable(
        "contexts",
        [
            "coordinator": "an endpoint", "collector": "an endpoint", "feed": "an endpoint",
            "key_file": "the absolute path of your secret key, since a daemon here is reached over TCP",
        ])
    static let peerKeys = KeyTable(
        "coordinator",
        [
            "endpoint": "tcp://host:port or ipc:///absolute/path",
            "public_key": "the daemon's public key, 40 characters, since TCP is always encrypted",
        ])

    /// Reads the file; a file that is not there is no error, and means the defaults.
    ///
    /// - Throws: ``FileError`` with everything that is wrong.
    package static func read(path: String) throws(FileError) -> ClientConfiguration {
        if FileSystem.isMissing(path) { return ClientConfiguration() }
        return try read(bytes: FileSystem.bytes(of: path), file: path)
    }

    package static func read(bytes: [UInt8], file: String) throws(FileError) -> ClientConfiguration {
        try ConfigurationFile.read(bytes: bytes, file: file, tables: [keyTable, contextKeys, peerKeys]) { keys in
            var result = ClientConfiguration()
            let contexts = keys["contexts"]?.dictionary { _, value in context(value) } ?? [:]
            result.contexts.merge(contexts) { _, new in new }
            if let current = keys["current_context"], let name = current.string() {
                result.currentContext = name
                if case .mapping(let mapping)? = keys["contexts"]?.node,
                    mapping.keys.contains(where: { $0.scalar?.string == name })
                {
                    return result
                }
                if result.contexts[name] == nil {
                    let near = Nearest.match(name, among: result.contexts.keys.sorted())
                    current.report(
                        "no context has the name '\(name.clipped)'",
                        suggestion: near.map { "did you mean '\($0)'?" })
                }
            }
            return result
        }
    }

    private static func context(_ value: YAMLValue) -> Context? {
        guard let keys = value.mapping(contextKeys) else { return nil }
        var result = Context()
        result.coordinator = keys["coordinator"].flatMap(peer) ?? result.coordinator
        result.collector = keys["collector"].flatMap(peer) ?? result.collector
        result.feed = keys["feed"].flatMap(peer) ?? result.feed
        let usesTCP = [result.coordinator, result.collector, result.feed].contains { $0.endpoint.hasPrefix("tcp://") }
        result.keyFile = (usesTCP ? keys.required("key_file") : keys["key_file"])?.absolutePath()
        return result
    }

    private static func peer(_ value: YAMLValue) -> Peer? {
        if case .scalar = value.node {
            guard let endpoint = value.endpoint(.connectAny) else { return nil }
            if endpoint.hasPrefix("tcp://") {
                value.report(
                    "a daemon over TCP needs its public key",
                    suggestion: "write {endpoint: \"\(endpoint.clipped)\", public_key: \"…\"}")
                return nil
            }
            return Peer(endpoint: endpoint)
        }
        guard let keys = value.mapping(peerKeys), let endpoint = keys.required("endpoint")?.endpoint(.connectAny) else {
            return nil
        }
        let key = endpoint.hasPrefix("tcp://") ? keys.required("public_key") : keys["public_key"]
        return Peer(endpoint: endpoint, publicKey: key?.publicKey())
    }
}
