import BookendFiles
import BookendModel
import Testing

@testable import BookendCLI

struct DocumentTests {
    private let document = Document.object([
        "name": "a \"b\"\n\u{1B}", "count": 3, "none": .null, "is_online": true,
        "list": .list(["yes", "no-1", .list([])]),
        "inner": .object(["half": .number(0.5), "empty": .object([])]),
    ])

    @Test func `a document is one line of JSON for programs that read lines`() {
        #expect(
            document.compactJSON
                == #"{"name":"a \"b\"\n\u001b","count":3,"none":null,"is_online":true,"list":["yes","no-1",[]],"#
                + #""inner":{"half":0.5,"empty":{}}}"#)
    }

    @Test func `a whole document is indented, with a space behind each colon`() {
        let lines = document.json.split(separator: "\n")
        #expect(lines.first == "{")
        #expect(lines.contains(#"  "is_online": true,"#))
        #expect(lines.contains(#"    "half": 0.5,"#))
        #expect(lines.last == "}")
    }

    @Test func `YAML quotes what a reader could take for something else`() {
        let yaml = Document.object(["a": "yes", "b": "no-1", "c": .list(["x", .object(["k": 1])]), "d": .list([])]).yaml
        #expect(yaml == "a: \"yes\"\nb: no-1\nc:\n  - x\n  - k: 1\nd: []\n")
    }

    @Test func `the configurations of a fleet on one machine are taken by the daemons`() throws {
        let layout = DevLayout(directory: "/srv/a fleet")
        let key = try CurveKeyPairText.key()
        let files = DevConfigurations(
            layout: layout, ports: DevPorts([7500, 7501, 7510, 7511, 7503]), coordinatorKey: key, collectorKey: key)
        let coordinator = try CoordinatorConfiguration.read(bytes: Array(files.coordinator.utf8), file: "c")
        #expect(coordinator.control == "ipc:///srv/a fleet/run/coordinator.sock")
        let collector = try CollectorConfiguration.read(bytes: Array(files.collector.utf8), file: "c")
        #expect(collector.coordinator?.sync == "tcp://127.0.0.1:7500")
        let id = AgentID(rawValue: "agent-1")
        let agent = try AgentConfiguration.read(bytes: Array(files.agent(id, number: 1).utf8), file: "a", hostName: "h")
        #expect(agent.id == id)
        #expect(agent.labels == ["number": "1"])
        #expect(agent.permissions.scriptDirectories == ["/srv/a fleet/scripts"])
        #expect(try PolicyFile.read(text: files.example, file: "p").map(\.name.rawValue) == ["example"])
    }
}
