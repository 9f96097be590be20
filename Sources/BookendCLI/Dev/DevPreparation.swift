import BookendModel
import BookendTransport
import Glibc

/// Makes the files of a fleet on one machine. What is there already is kept, but for the configurations.
struct DevPreparation {
    let layout: DevLayout
    let agents: [AgentID]

    /// - Throws: ``CLIError``: a directory that does not suit, or a file that cannot be made.
    func run() throws {
        guard layout.feedSocket.utf8.count <= 107, layout.coordinatorSocket.utf8.count <= 107 else {
            throw CLIError(
                .usage, "\(layout.directory): too long a path for Unix sockets: name a shorter one with --directory")
        }
        try DevFiles.makeDirectories(above: layout.directory)
        for directory in layout.directories(agents) { try DevFiles.makeDirectory(directory) }
        if let reason = DevFiles.distrust(layout.scripts) {
            throw CLIError(
                .failed,
                "scripts in \(layout.scripts) would be refused: \(reason). Name a --directory below your home directory, or "
                    + "one of which no part can be written by others (a sticky bit, as /tmp has, is not enough)")
        }
        let ports = try ports()
        let coordinator = try key("coordinator")
        let collector = try key("collector")
        var keyLines = ["\(coordinator) coordinator/coordinator", "\(collector) collector/collector"]
        let configurations = DevConfigurations(
            layout: layout, ports: ports, coordinatorKey: coordinator, collectorKey: collector)
        for (index, agent) in agents.enumerated() {
            let label = "number=\(index + 1)"
            keyLines.append("\(try key(agent.rawValue)) agent/\(agent) \(label)")
            try DevFiles.write(
                configurations.agent(agent, number: index + 1), to: layout.configuration(agent.rawValue))
        }
        keyLines.append("\(try key("operator")) operator/dev role=admin")
        try DevFiles.write(keyLines.joined(separator: "\n") + "\n", to: layout.keys)
        try DevFiles.write(configurations.coordinator, to: layout.configuration("coordinator"))
        try DevFiles.write(configurations.collector, to: layout.configuration("collector"))
        try DevFiles.write(configurations.example, to: layout.example)
        if DevFiles.read(layout.password) == nil {
            let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
            let password = String((0..<24).map { _ in alphabet.randomElement() ?? "x" })
            try DevFiles.write(password + "\n", to: layout.password)
        }
    }

    private func key(_ name: String) throws -> CurveKey {
        let file = layout.secretKey(name)
        do {
            if access(file, F_OK) == 0 { return try CurveKeyPair.read(secretFile: file).publicKey }
            let pair = try CurveKeyPair.generate()
            try pair.write(secretFile: file)
            return pair.publicKey
        } catch {
            throw CLIError(.failed, error.message)
        }
    }

    /// The ports of an earlier start while they are free, otherwise others.
    private func ports() throws -> DevPorts {
        if let text = DevFiles.read(layout.ports), let kept = DevPorts(text: text),
            kept.all.allSatisfy(DevFiles.isFree)
        {
            return kept
        }
        let ports = DevPorts(try DevFiles.freePorts(DevPorts.count))
        try DevFiles.write(ports.text, to: layout.ports)
        return ports
    }
}
