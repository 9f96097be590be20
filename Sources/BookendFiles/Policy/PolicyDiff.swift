package import BookendModel

/// What differs between two policies, key by key, as their files would say it.
package struct PolicyDiff: Hashable, Sendable {
    package struct Change: Hashable, Sendable, Codable {
        /// `scripts.timeout`
        package var keyPath: String
        /// As it stands in a file, a list as `[a, b]`; nil when the key is not there.
        package var old: String?
        package var new: String?

        package init(keyPath: String, old: String?, new: String?) {
            self.keyPath = keyPath
            self.old = old
            self.new = new
        }

        enum CodingKeys: String, CodingKey {
            case keyPath = "key_path"
            case old, new
        }
    }

    /// In the order of a file; empty when both policies are the same.
    package var changes: [Change]

    /// - Parameters:
    ///   - old: nil: the policy is new, and each of its keys is a change.
    ///   - new: nil: the policy goes away.
    package init(from old: Policy?, to new: Policy?) {
        let before = old.map(Self.texts) ?? []
        let after = new.map(Self.texts) ?? []
        let oldValues = Dictionary(uniqueKeysWithValues: before.map { ($0.keyPath, $0.text) })
        let newValues = Dictionary(uniqueKeysWithValues: after.map { ($0.keyPath, $0.text) })
        // A key that goes away stands where it stood: before the next key that both have.
        var keyPaths: [String] = []
        var rest = before.map(\.keyPath)[...]
        for keyPath in after.map(\.keyPath) {
            if oldValues[keyPath] != nil {
                while let next = rest.first, next != keyPath, newValues[next] == nil {
                    keyPaths.append(rest.removeFirst())
                }
                rest.removeAll { $0 == keyPath }
            }
            keyPaths.append(keyPath)
        }
        keyPaths += rest.filter { newValues[$0] == nil }
        changes = keyPaths.compactMap { keyPath in
            let (old, new) = (oldValues[keyPath], newValues[keyPath])
            return old == new ? nil : Change(keyPath: keyPath, old: old, new: new)
        }
    }

    package var isEmpty: Bool { changes.isEmpty }

    private static func texts(_ policy: Policy) -> [(keyPath: String, text: String)] {
        PolicyFields(policy).fields.map { field in
            let text =
                switch field.value {
                case .word(let word): word
                case .text(let string): YAMLText.scalar(string)
                case .list(let items): "[" + items.map(YAMLText.scalar).joined(separator: ", ") + "]"
                case .mappings(let items):
                    "["
                        + items.map { $0.count == 1 ? $0[0] : "{" + $0.joined(separator: ", ") + "}" }
                        .joined(separator: ", ") + "]"
                }
            return (field.keyPath.joined(separator: "."), text)
        }
    }
}
