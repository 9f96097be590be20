package import BookendModel

extension CurveKey {
    /// - Throws: ``TransportError`` when the characters spell no key.
    package init(_ key: PublicKey) throws(TransportError) {
        try self.init(key.text)
    }
}

extension PublicKey {
    package init(_ key: CurveKey) {
        guard let checked = Self(checking: key.text) else {
            preconditionFailure("a CURVE key is 40 characters of Z85")
        }
        self = checked
    }
}

extension EnrolledKey {
    /// An operator's role stands among the labels, as it does in a key file.
    ///
    /// - Returns: `nil` when the characters of its key, though Z85, spell none: nobody can prove that one.
    package init?(_ peer: Peer) {
        var labels = peer.labels
        if peer.identity.role == .operator { labels["role"] = peer.role?.rawValue }
        do {
            self.init(key: try CurveKey(peer.key), identity: peer.identity, labels: labels)
        } catch {
            return nil
        }
    }

    /// A line of a key file as a peer.
    package var peer: Peer {
        Peer(
            identity: identity, key: PublicKey(key), labels: labels,
            role: identity.role == .operator ? labels["role"].flatMap(OperatorRole.init(rawValue:)) : nil,
            origin: .keyFile)
    }
}

extension KeyRing {
    /// Admits those whom the book admits, and nobody else.
    package func replace(with book: PeerBook) {
        replace(with: book.admitted.compactMap(EnrolledKey.init))
    }
}
