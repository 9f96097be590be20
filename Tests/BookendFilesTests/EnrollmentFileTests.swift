import BookendModel
import BookendTestSupport
import Foundation
import Testing

@testable import BookendFiles

@Suite struct EnrollmentFileTests {
    private static let coordinatorKey = "!{u/8%ivVEjBka-Vqvc6ZLp!I4heVVg0/[0D}MW("
    private static let collectorKey = "hs/$y=0tD/xx1r>**&A9Date[Z-)Z=!2[<}3p<lJ"

    private let sample = EnrollmentFile(
        id: AgentID(rawValue: "web-1"), labels: ["site": "a \"b\" \\c: #d", "on": "true"],
        coordinator: AgentConfiguration.Coordinator(
            sync: "tcp://[::1]:7500", broadcast: "tcp://b.example.org:7501", publicKey: coordinatorKey),
        collectors: [AgentConfiguration.Collector(intake: "tcp://b.example.org:7510", publicKey: collectorKey)])

    private func with(_ text: String, _ body: (String) throws -> Void) throws {
        try TemporaryDirectory.with { directory in
            try text.write(toFile: "\(directory)/enrollment.yaml", atomically: true, encoding: .utf8)
            try body(directory)
        }
    }

    private func read(_ text: String, _ enrolled: EnrollmentFile?) throws -> AgentConfiguration {
        try AgentConfiguration.read(bytes: Array(text.utf8), file: "agent.yaml", hostName: "host") { _ in enrolled }
    }

    @Test func `what is written is read again`() throws {
        try with(sample.text) { directory in
            let read = try EnrollmentFile.read(directory: directory)
            #expect(read == sample)
        }
        let missing = try EnrollmentFile.read(directory: "/there-is-no-such-directory")
        #expect(missing == nil)
        try with("id: web-1\ncoordinater: {}\n") { directory in
            #expect(throws: FileError.self) { try EnrollmentFile.read(directory: directory) }
        }
    }

    @Test func `an enrolled agent needs no coordinator and no collectors in its own file`() throws {
        #expect(throws: FileError.self) { try read("", nil) }
        let configuration = try read("labels: {on: 'false'}\n", sample)
        #expect(configuration.id.rawValue == "web-1")
        #expect(configuration.coordinator == sample.coordinator && configuration.collectors == sample.collectors)
        #expect(configuration.labels == ["site": "a \"b\" \\c: #d", "on": "false"])
    }

    @Test func `what the agent's own file says goes before it, and another id is a mistake`() throws {
        let own = """
            id: other
            coordinator: {sync: "tcp://c:1", broadcast: "tcp://c:2", public_key: "\(Self.collectorKey)"}
            collectors: [{intake: "tcp://c:3", public_key: "\(Self.coordinatorKey)"}]
            """
        let configuration = try read(own, sample)
        #expect(configuration.id.rawValue == "other" && configuration.coordinator.sync == "tcp://c:1")
        #expect(configuration.collectors.map(\.intake) == ["tcp://c:3"])
        let error = #expect(throws: FileError.self) { try read("id: other\n", sample) }
        #expect(error?.message.contains("enrolled as 'web-1'") == true)
    }

    @Test func `before the enrollment only what it needs is read`() throws {
        let configuration = try AgentConfiguration.readForEnrollment(path: "/no-such-file", hostName: "host")
        #expect(configuration.id.rawValue == "host" && configuration.keyFile == "/var/lib/bookend-agent/agent.key")
    }

    @Test func `contexts are read as they were written`() throws {
        var configuration = ClientConfiguration()
        var context = ClientConfiguration.Context()
        context.coordinator = .init(endpoint: "tcp://b.example.org:7500", publicKey: Self.coordinatorKey)
        context.keyFile = "/home/alice/.config/bookend/fleet.key"
        configuration.contexts["fleet"] = context
        configuration.currentContext = "fleet"
        #expect(
            try ClientConfiguration.read(bytes: Array(configuration.text.utf8), file: "config.yaml") == configuration)
    }
}
