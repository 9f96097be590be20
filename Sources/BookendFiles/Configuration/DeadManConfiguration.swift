/// `dead_man`: an address outside that is told again and again that the daemon works.
package struct DeadManConfiguration: Hashable, Sendable {
    /// `url`: an http or https address; required. It may hold a secret.
    package var url: String
    /// `every`: from one sign of life to the next; a duration, 1s to 1h, default 1m.
    package var every = Duration.seconds(60)

    package init(url: String) {
        self.url = url
    }

    static let keyTable = KeyTable(
        "dead_man", ["url": "an address such as https://example.org/ping", "every": "a duration such as 1m"])

    static func read(_ value: YAMLValue?) -> DeadManConfiguration? {
        value?.mapping(keyTable).map { keys in
            var result = DeadManConfiguration(url: keys.required("url")?.webAddress() ?? "")
            result.every = keys["every"]?.duration(in: .seconds(1) ... .seconds(3_600)) ?? result.every
            return result
        }
    }
}

extension YAMLValue {
    /// An http or https address with a host, without spaces; whether anybody is there is not asked.
    ///
    /// - Parameter placeholders: `{policy}` and `{agent}` are filled in later.
    func webAddress(placeholders: Bool = false) -> String? {
        guard let text = string() else { return nil }
        let rest = ["http://", "https://"].compactMap { text.dropping(prefix: $0) }.first
        let host = rest?.prefix { $0 != "/" && $0 != "?" } ?? ""
        guard !host.isEmpty, text.utf8.count <= 2_048, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            report("expected an address such as https://example.org/ping, found '\(text.clipped)'")
            return nil
        }
        if placeholders {
            let names = text.split(separator: "{", omittingEmptySubsequences: false).dropFirst().map { part in
                part.prefix { $0 != "}" }
            }
            if let unknown = names.first(where: { !["policy", "agent"].contains($0) }) {
                report("there is no {\(String(unknown).clipped)}; known: {policy}, {agent}")
                return nil
            }
        }
        return text
    }
}
