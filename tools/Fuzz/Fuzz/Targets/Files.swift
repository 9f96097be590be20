import BookendFiles
import BookendModel

extension Target {
    /// What people write: policies, and the configurations of the four programs, chosen by the first byte; and what a
    /// command writes when a server is enrolled.
    static let files = [
        Target(
            name: "policy", longest: 2_048,
            seeds: {
                [Samples.restic, Samples.command].map { Array(PolicyFile.render($0.policy).utf8) }
                    + examples(["policies/nightly-web", "policies/postgresql-dump", "policies/appliance-export"])
            }, run: { policy($0) }),
        Target(
            name: "configuration", longest: 2_048,
            seeds: {
                zip(0..., examples(["agent", "coordinator", "collector", "config"]) + [Array(enrolled.text.utf8)])
                    .map { [UInt8($0)] + $1 }
            }, run: { configuration($0) }),
    ]

    private static func examples(_ names: [String]) -> [[UInt8]] {
        names.map { Folder.read("deploy/examples/\($0).yaml") }
    }

    private static func policy(_ bytes: [UInt8]) {
        guard let entries = answer({ try PolicyFile.read(bytes: bytes, file: "fuzz.yaml") }) else { return }
        for entry in entries {
            let text = PolicyFile.render(entry.policy)
            guard answer({ try PolicyFile.read(text: text, file: "again.yaml") }) == [entry.policy] else {
                broken("does not come back as it was: \(text)")
            }
        }
    }

    private static func configuration(_ input: [UInt8]) {
        let bytes = Array(input.dropFirst())
        switch (input.first ?? 0) % 5 {
        case 0: _ = answer { try AgentConfiguration.read(bytes: bytes, file: "agent.yaml", hostName: "web-1") }
        case 1: _ = answer { try CoordinatorConfiguration.read(bytes: bytes, file: "coordinator.yaml") }
        case 2: _ = answer { try CollectorConfiguration.read(bytes: bytes, file: "collector.yaml") }
        case 3: _ = answer { try ClientConfiguration.read(bytes: bytes, file: "config.yaml") }
        default:
            guard let enrolled = enrollment(bytes) else { return }
            if enrollment(Array(enrolled.text.utf8)) != enrolled { broken("enrolled otherwise: \(enrolled)") }
        }
    }

    private static let enrolled = EnrollmentFile(
        id: Samples.agent, labels: ["site": "north"],
        coordinator: AgentConfiguration.Coordinator(
            sync: "tcp://[::1]:7500", broadcast: "tcp://b.example.org:7501", publicKey: Samples.peers[1].key.text),
        collectors: [
            AgentConfiguration.Collector(intake: "tcp://b.example.org:7510", publicKey: Samples.peers[2].key.text)
        ])

    private static func enrollment(_ bytes: [UInt8]) -> EnrollmentFile? {
        Folder.write(bytes, to: "\(Folder.scratch)/\(EnrollmentFile.name)")
        return answer { try EnrollmentFile.read(directory: Folder.scratch) } ?? nil
    }
}
