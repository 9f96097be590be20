import BookendModel
import BookendTransport
import BookendWire

/// Publishes what was stored, on every socket of the feed. May lose; a subscriber repairs by asking from its cursor.
final class Feed: Sendable {
    private let publishers: [any MessageSocket]

    init(publishers: [any MessageSocket]) {
        self.publishers = publishers
    }

    /// In cursor order, and only what is stored.
    func publish(_ entries: [FeedEntry]) {
        guard !entries.isEmpty else { return }
        let topic = Array(Topic.feed.utf8)
        send(entries.map { Message([topic, Wire.encode(.feedEntry($0))]) })
    }

    func publish(_ progress: Progress) {
        send([Message([Array(Topic.progress.utf8), Wire.encode(.progress(progress))])])
    }

    private func send(_ messages: [Message]) {
        for publisher in publishers { publisher.send(messages) }
    }

    /// Who may subscribe to what: people and collectors over TCP, everyone whom the Unix socket's mode lets in.
    static func authorize(_ peer: PeerIdentity?, _ topic: Frame) -> Bool {
        switch peer?.role {
        case nil, .operator, .subscriber, .collector: true
        case .agent, .coordinator: false
        }
    }
}
