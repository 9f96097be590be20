extension PeerBook {
    /// For how long a token that lets nobody in any more is remembered, so that people can look it up.
    package static let tokenRetention = Duration.seconds(90 * 86_400)

    /// Tokens that may be forgotten, the oldest first. The newest stays, so that no number is given twice; so does one with
    /// which somebody came who still waits for an operator's word.
    package func prunableTokens(at now: UnixTime, limit: Int) -> [TokenID] {
        guard let newest = tokens.keys.max() else { return [] }
        let awaited = Set(
            recorded.values.compactMap { peer -> TokenID? in
                if peer.state == .pending, case .token(let id) = peer.origin { id } else { nil }
            })
        return Array(
            tokens.values.filter { token in
                now >= token.expires + Self.tokenRetention && token.id != newest && !awaited.contains(token.id)
            }.map(\.id).sorted().prefix(limit))
    }

    /// The store has removed these.
    package mutating func forget(_ ids: [TokenID]) {
        for id in ids { tokens[id] = nil }
    }
}
