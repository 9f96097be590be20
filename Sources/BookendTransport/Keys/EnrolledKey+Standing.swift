package import BookendModel

extension EnrolledKey {
    /// As what its holder asks: an operator's role stands among the labels, as `role=admin`.
    package var standing: Standing {
        Standing(of: identity, role: labels["role"].flatMap(OperatorRole.init(rawValue:)))
    }
}

extension KeyRing {
    /// As what a sender asks, by what the ring says now: a role that was taken away holds for open connections too.
    package func standing(of sender: Sender) -> Standing {
        // In memory there are no keys, and the name stands for one.
        let found = sender.key.map(enrolled) ?? all.first { $0.identity == sender.identity }
        guard let found, found.identity == sender.identity else { return .nobody }
        return found.standing
    }
}
