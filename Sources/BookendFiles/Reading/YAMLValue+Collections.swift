import Yams

extension YAMLValue {
    var isEmptyList: Bool {
        if case .sequence(let sequence) = node { sequence.isEmpty } else { false }
    }

    /// Each item through `read`, without those that were wrong. An empty list is a list.
    func list<T>(_ read: (YAMLValue) -> T?) -> [T]? {
        guard case .sequence(let sequence) = node else {
            report(expected: "a list", suggestion: plainText.map { "write [\($0.clipped)]" })
            return nil
        }
        return sequence.enumerated().compactMap { index, item in read(part(item, keyPath: "\(keyPath)[\(index)]")) }
    }

    /// A mapping with keys that the writer chooses, each value through `read`, without those that were wrong.
    func dictionary<T>(_ read: (_ key: String, YAMLValue) -> T?) -> [String: T]? {
        guard let entries = entries() else { return nil }
        var result: [String: T] = [:]
        for (key, value) in entries { result[key] = read(key, value) }
        return result
    }

    /// A mapping with the keys of a table.
    func mapping(_ table: KeyTable) -> MappingReader? {
        entries().map { MappingReader(self, table: table, entries: $0) }
    }

    /// The keys and values in the order of the file; wrong and duplicate keys are reported and left out.
    private func entries() -> [(key: String, value: YAMLValue)]? {
        guard case .mapping(let mapping) = node else {
            report(expected: "a mapping (key: value)")
            return nil
        }
        var entries: [(key: String, value: YAMLValue)] = []
        let earlier = Array(mapping.keys).compactMap { key in key.scalar.flatMap { displaced[$0.string] } }
        for (keyNode, valueNode) in mapping {
            guard case .scalar(let scalar) = keyNode else {
                findings.report(at: keyNode.place, keyPath: keyPath, "expected a key, found a list or a mapping")
                continue
            }
            if displaced[scalar.string] != nil { continue }
            let path = keyPath.isEmpty ? scalar.string.clipped : "\(keyPath).\(scalar.string.clipped)"
            reportRepetitions(of: keyNode, among: earlier, keyPath: path)
            entries.append((scalar.string, part(valueNode, keyPath: path, keyPlace: keyNode.place)))
        }
        return entries
    }

    /// The last of equal keys is the one that still has its name; all but the first are reported.
    private func reportRepetitions(of key: Node, among earlier: [DisplacedKey], keyPath: String) {
        var positions = earlier.filter { $0.name == key.scalar?.string }.map(\.position).sorted()
        guard let first = positions.first else { return }
        positions.append(key.place.position)
        for position in positions.dropFirst() {
            findings.report(
                at: .init(position: position, width: key.place.width), keyPath: keyPath,
                "duplicate key: it stands in line \(first.line) already")
        }
    }
}
