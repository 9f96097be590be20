package import BookendModel

/// What `enrollment.yaml` in a daemon's state directory says: who this server was enrolled as, and where the daemons are. A
/// command writes it; the daemon's own configuration goes before it.
package struct EnrollmentFile: Hashable, Sendable {
    package static let name = "enrollment.yaml"

    /// `id`: the enrolled name; `nil`: not known yet.
    package var id: AgentID?
    /// `labels`: what the agent says of itself.
    package var labels: [String: String]
    /// `coordinator`
    package var coordinator: AgentConfiguration.Coordinator
    /// `collectors`: of an agent.
    package var collectors: [AgentConfiguration.Collector]

    package init(
        id: AgentID?, labels: [String: String] = [:], coordinator: AgentConfiguration.Coordinator,
        collectors: [AgentConfiguration.Collector]
    ) {
        self.id = id
        self.labels = labels
        self.coordinator = coordinator
        self.collectors = collectors
    }

    private static let keys = KeyTable(
        "",
        [
            "id": "the enrolled name", "labels": "a mapping of labels such as role: web",
            "coordinator": "a mapping with sync, broadcast and public_key",
            "collectors": "a list of mappings with intake and public_key",
        ])

    /// - Returns: `nil` when there is none: nothing was enrolled here.
    /// - Throws: ``FileError`` with everything that is wrong with it.
    package static func read(directory: String) throws(FileError) -> EnrollmentFile? {
        let path = "\(directory)/\(name)"
        if FileSystem.isMissing(path) { return nil }
        let tables = [keys, AgentConfiguration.coordinatorKeys, AgentConfiguration.collectorKeys]
        return try ConfigurationFile.read(bytes: FileSystem.bytes(of: path), file: path, tables: tables) { keys in
            EnrollmentFile(
                id: keys.required("id")?.name(AgentID.self), labels: keys["labels"]?.labels() ?? [:],
                coordinator: AgentConfiguration.coordinator(keys.required("coordinator")),
                collectors: keys["collectors"].map { AgentConfiguration.collectors($0) } ?? [])
        }
    }

    /// The file's text.
    package var text: String {
        var lines = [
            "# Written when this server was enrolled. What the daemon's own configuration says goes before it.",
            "id: \(YAMLText.scalar(id?.rawValue ?? ""))",
        ]
        if !labels.isEmpty {
            lines.append("labels:")
            lines += labels.sorted { $0.key < $1.key }.map {
                "  \(YAMLText.scalar($0.key)): \(YAMLText.scalar($0.value))"
            }
        }
        lines += [
            "coordinator:", "  sync: \(YAMLText.scalar(coordinator.sync))",
            "  broadcast: \(YAMLText.scalar(coordinator.broadcast))",
            "  public_key: \(YAMLText.scalar(coordinator.publicKey))",
        ]
        if !collectors.isEmpty { lines.append("collectors:") }
        for collector in collectors {
            lines += [
                "  - intake: \(YAMLText.scalar(collector.intake))",
                "    public_key: \(YAMLText.scalar(collector.publicKey))",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
