import BookendFiles
import BookendModel
import Foundation
import Testing

struct ConfigurationTests {
    @Test func `an empty file gives the coordinator and the collector their defaults`() throws {
        #expect(try CoordinatorConfiguration.read(bytes: [], file: "c") == CoordinatorConfiguration())
        #expect(
            try CollectorConfiguration.read(bytes: Array("# nothing\n".utf8), file: "c") == CollectorConfiguration())
    }

    @Test func `the example of the coordinator says the defaults`() throws {
        let bytes = try Deploy.bytes("examples/coordinator.yaml")
        var configuration = try CoordinatorConfiguration.read(bytes: bytes, file: "coordinator.yaml")
        let advertised = try #require(configuration.enrollment?.advertise)
        #expect(configuration.enrollment == CoordinatorConfiguration.Enrollment(advertise: advertised))
        #expect(configuration.advertise?.sync == "tcp://bookend.example.org:7500")
        (configuration.enrollment, configuration.advertise) = (nil, nil)
        #expect(configuration == CoordinatorConfiguration())
    }

    @Test func `the example of the collector says the defaults, and where its coordinator is`() throws {
        let bytes = try Deploy.bytes("examples/collector.yaml")
        var configuration = try CollectorConfiguration.read(bytes: bytes, file: "collector.yaml")
        #expect(configuration.coordinator?.sync == "tcp://bookend.example.org:7500")
        #expect(configuration.advertise.intake == "tcp://bookend.example.org:7510")
        configuration.coordinator = nil
        configuration.advertise = CollectorConfiguration.Advertise()
        #expect(configuration == CollectorConfiguration())
    }

    @Test func `the example of the agent says the defaults where there are any`() throws {
        let example = try AgentConfiguration.read(
            bytes: Deploy.bytes("examples/agent.yaml"), file: "agent.yaml", hostName: "web-1")
        let least = try Self.agent("")
        #expect(example.id.rawValue == "web-1")
        #expect(example.stateDirectory == least.stateDirectory && example.keyFile == least.keyFile)
        #expect(example.limits == least.limits && example.restic == least.restic)
        #expect(example.logLevel == least.logLevel && example.heartbeat == least.heartbeat)
        #expect(example.autonomy == least.autonomy && example.scripts == least.scripts)
        #expect(example.permissions.commands == least.permissions.commands)
        #expect(example.permissions.backupPaths == least.permissions.backupPaths)
        #expect(example.permissions.scriptDirectories == ["/etc/bookend/scripts"])
        #expect(example.repositories[RepositoryName(rawValue: "main")]?.initialize == true)
        #expect(example.repositories[RepositoryName(rawValue: "cloud")]?.initialize == false)
        #expect(example.statusMaps["legacy"]?(.timedOut) == 3)
    }

    @Test func `an example names every key of its table`() throws {
        let text = try String(decoding: Deploy.bytes("examples/agent.yaml"), as: UTF8.self)
        for table in AgentConfiguration.tables {
            for name in table.names { #expect(text.contains("\(name):"), "\(table.path) \(name)") }
        }
    }

    @Test func `the least agent has the defaults that the comments promise`() throws {
        let agent = try Self.agent("state_directory: /srv/agent\n")
        #expect(agent.id.rawValue == "host-1")
        #expect(agent.keyFile == "/srv/agent/agent.key")
        #expect(agent.permissions == AgentConfiguration.Permissions())
        #expect(agent.permissions.scriptDirectories.isEmpty && agent.permissions.restoreDirectories.isEmpty)
        #expect(agent.limits.jobs == 4 && agent.limits.output == .mebibytes(1))
        #expect(agent.autonomy.grace == .seconds(60) && agent.autonomy.splay == .seconds(60))
        #expect(agent.heartbeat == .seconds(15) && agent.logLevel == .info && agent.restic == "restic")
    }

    @Test func `a host name that is no name asks for an id`() throws {
        let error = #expect(throws: FileError.self) { try Self.agent("", hostName: "my host") }
        #expect(error?.diagnostics.first?.keyPath == "id")
        #expect(try Self.agent("id: web-1\n", hostName: "my host").id.rawValue == "web-1")
    }

    @Test func `a client without a file speaks with this machine's daemons`() throws {
        let client = try ClientConfiguration.read(path: "/nonexistent/config.yaml")
        #expect(client == ClientConfiguration())
        #expect(client.current.coordinator.endpoint == CoordinatorConfiguration().control)
        #expect(client.current.feed.endpoint == CollectorConfiguration().localFeed)
    }

    @Test func `the example of the client has a context over TCP and the default one`() throws {
        let client = try ClientConfiguration.read(bytes: Deploy.bytes("examples/config.yaml"), file: "config.yaml")
        #expect(client.current.coordinator.endpoint == "tcp://bookend.example.org:7502")
        #expect(client.current.coordinator.publicKey?.count == 40)
        #expect(client.contexts["default"] == ClientConfiguration().contexts["default"])
    }

    @Test(arguments: [
        ("tcp://*:7510", true), ("tcp://127.0.0.1:*", true), ("tcp://[::1]:7510", true),
        ("tcp://host.example.org:1", true),
        ("tcp://host", false), ("tcp://:7510", false), ("tcp://host:0", false), ("tcp://host:65536", false),
        ("tcp://host:+80", false), ("tcp://ho st:1", false), ("tcp://[]:1", false), ("udp://host:1", false),
        ("inproc://x", false), ("ipc:///run/x.sock", false), ("", false),
    ])
    func `an endpoint to listen on over TCP has an address and a port`(endpoint: String, isTaken: Bool) throws {
        let bytes = Array("intake: \"\(endpoint)\"\n".utf8)
        if isTaken {
            #expect(try CollectorConfiguration.read(bytes: bytes, file: "c").intake == endpoint)
        } else {
            #expect(throws: FileError.self) { try CollectorConfiguration.read(bytes: bytes, file: "c") }
        }
    }

    private static func agent(_ text: String, hostName: String = "host-1") throws -> AgentConfiguration {
        let key = String(repeating: "0", count: 40)
        let required = """
            coordinator: {sync: "tcp://c:1", broadcast: "tcp://c:2", public_key: "\(key)"}
            collectors: [{intake: "tcp://c:3", public_key: "\(key)"}]

            """
        return try AgentConfiguration.read(bytes: Array((required + text).utf8), file: "agent.yaml", hostName: hostName)
    }
}
