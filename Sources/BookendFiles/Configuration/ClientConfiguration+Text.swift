extension ClientConfiguration {
    /// The file's text, by which ``read(path:)`` finds the same again. Comments of an earlier file are not kept.
    package var text: String {
        var lines = ["current_context: \(YAMLText.scalar(currentContext))", "contexts:"]
        for (name, context) in contexts.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(YAMLText.scalar(name)):")
            for (key, peer) in [
                ("coordinator", context.coordinator), ("collector", context.collector), ("feed", context.feed),
            ] {
                guard let publicKey = peer.publicKey else {
                    lines.append("    \(key): \(YAMLText.scalar(peer.endpoint))")
                    continue
                }
                lines += [
                    "    \(key):", "      endpoint: \(YAMLText.scalar(peer.endpoint))",
                    "      public_key: \(YAMLText.scalar(publicKey))",
                ]
            }
            if let keyFile = context.keyFile { lines.append("    key_file: \(YAMLText.scalar(keyFile))") }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
