import ArgumentParser
import BookendFiles
import Glibc

/// Which fleet a command speaks with.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A context of ~/.config/bookend/config.yaml.", valueName: "name"))
    var context: String?

    @Option(help: ArgumentHelp("The coordinator: ipc:///path, or tcp://host:port?PUBLICKEY.", valueName: "endpoint"))
    var coordinator: String?

    @Option(help: ArgumentHelp("The collector's queries, in the same way.", valueName: "endpoint"))
    var collector: String?

    @Option(help: ArgumentHelp("The collector's feed, in the same way.", valueName: "endpoint"))
    var feed: String?

    @Option(help: ArgumentHelp("Your secret CURVE key, for TCP.", valueName: "path"))
    var keyFile: String?

    /// Options go before the environment, the environment before the configuration file.
    func resolved(environment: [String: String] = ProcessEnvironment.all) throws -> ClientConfiguration.Context {
        var result = try configured(environment)
        func peer(_ value: String?, _ option: String, _ variable: String) throws -> ClientConfiguration.Peer? {
            let text = value ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
            return try text.map { try Self.peer($0, source: value == nil ? variable : option) }
        }
        result.coordinator = try peer(coordinator, "--coordinator", "BOOKEND_COORDINATOR") ?? result.coordinator
        result.collector = try peer(collector, "--collector", "BOOKEND_COLLECTOR") ?? result.collector
        result.feed = try peer(feed, "--feed", "BOOKEND_FEED") ?? result.feed
        result.keyFile = keyFile ?? result.keyFile
        return result
    }

    /// Where this person's configuration and keys are.
    static func directory(_ environment: [String: String]) -> String {
        let home = environment["XDG_CONFIG_HOME"] ?? environment["HOME"].map { $0 + "/.config" }
        return (home ?? "/root/.config") + "/bookend"
    }

    private func configured(_ environment: [String: String]) throws -> ClientConfiguration.Context {
        let file = Self.directory(environment) + "/config.yaml"
        let configuration: ClientConfiguration
        do {
            configuration = try ClientConfiguration.read(path: file)
        } catch {
            throw CLIError(.usage, error.message)
        }
        guard let name = context ?? environment["BOOKEND_CONTEXT"], !name.isEmpty else { return configuration.current }
        guard let found = configuration.contexts[name] else {
            let known = configuration.contexts.keys.sorted().joined(separator: ", ")
            throw CLIError(.usage, "there is no context '\(name)' in \(file): it has \(known)")
        }
        return found
    }

    /// `tcp://host:port?PUBLICKEY`, or a Unix socket.
    static func peer(_ text: String, source: String) throws(CLIError) -> ClientConfiguration.Peer {
        if text.hasPrefix("ipc:///") { return ClientConfiguration.Peer(endpoint: text) }
        if text.hasPrefix("/") { return ClientConfiguration.Peer(endpoint: "ipc://" + text) }
        // The key itself may hold any of these characters, an endpoint no question mark.
        guard text.hasPrefix("tcp://"), let mark = text.firstIndex(of: "?") else {
            let hint = text.hasPrefix("tcp://") ? ": a daemon over TCP needs its public key" : ""
            throw CLIError(
                .usage, "\(source): expected ipc:///path or tcp://host:port?PUBLICKEY, found '\(text)'\(hint)")
        }
        return ClientConfiguration.Peer(
            endpoint: String(text[..<mark]), publicKey: String(text[text.index(after: mark)...]))
    }
}

enum ProcessEnvironment {
    static var all: [String: String] {
        var result: [String: String] = [:]
        var place = environ
        while let entry = place.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                result[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            place += 1
        }
        return result
    }
}
