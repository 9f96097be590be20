import BookendModel
import BookendTransport
import Logging
import Synchronization

/// The collector's own key, and while it is rotated the one that follows it. Safe to use from any thread.
///
/// The collector's key is the one by which the coordinator lets it in, too: the next one is admitted there first, beside the
/// present one, which is revoked when the next one is used.
final class OwnKey: Sendable {
    private struct State {
        var next: PublicKey?
        /// The next key has taken the present one's place: from the next start on.
        var isReplaced = false
        /// The newest key of this collector's that each agent has named. Bounded by the agents that are enrolled.
        var named: [AgentID: PublicKey] = [:]
    }

    let present: PublicKey
    /// `nil`: the key is in no file, and stays.
    private let file: NextKeyFile?
    /// Those who are let in; once the coordinator has admitted the next key, that is among them.
    private let ring: KeyRing
    private let hasCoordinator: Bool
    private let logger: Logger
    private let state: Mutex<State>
    /// Ends when the collector is to start anew with another key.
    let changes: AsyncStream<Void>
    private let change: AsyncStream<Void>.Continuation

    /// - Throws: ``TransportError`` when there is a next key that cannot be read.
    init(
        _ present: CurveKey, file: NextKeyFile?, ring: KeyRing, hasCoordinator: Bool, logger: Logger
    ) throws(TransportError) {
        self.present = PublicKey(present)
        self.file = file
        self.ring = ring
        self.hasCoordinator = hasCoordinator
        self.logger = logger
        let next = try file?.read().map { PublicKey($0.publicKey) }
        state = Mutex(State(next: next))
        (changes, change) = AsyncStream.makeStream()
    }

    var next: PublicKey? { state.withLock { $0.next } }

    var isReplaced: Bool { state.withLock { $0.isReplaced } }

    /// An agent's beacon named the newest key that it knows.
    ///
    /// - Parameter key: `nil`: the agent does not say.
    /// - Returns: What it is to be told; `nil`: it knows.
    func hear(_ key: PublicKey?, from agent: AgentID) -> BeaconReply? {
        guard let key else { return nil }
        return state.withLock { state in
            state.named[agent] = key
            return key == state.next ?? present ? nil : BeaconReply(nextKey: state.next)
        }
    }

    /// - Parameters:
    ///   - author: Whoever asks.
    ///   - note: Writes down what is about to be done; when it cannot, nothing is done.
    func answer(
        _ step: ServerKeyStep, by author: String, noting note: (String) throws(CollectorError) -> Void
    ) -> QueryReply {
        do throws(RemoteFailure) {
            switch step {
            case .show: break
            case .prepare: try prepare(author, note)
            case .use(let isForced): try use(isForced: isForced, author, note)
            }
            return .serverKey(current)
        } catch {
            return .failed(error)
        }
    }

    /// The answer was sent: if the key has changed, the collector may start anew.
    func noteAnswered() {
        if isReplaced { change.finish() }
    }

    private var current: ServerKeyState {
        let agents = ring.all.map(\.identity).filter { $0.role == .agent }
        let isAdmitted = isNextAdmitted
        return state.withLock { state in
            guard let next = state.next else { return ServerKeyState(key: present) }
            var uninformed = Set(agents).filter { state.named[AgentID(rawValue: $0.name)] != next }
            let all = Set(agents).count + (hasCoordinator ? 1 : 0)
            if !isAdmitted { uninformed.insert(Self.coordinator) }
            return ServerKeyState(
                key: present, next: next, informed: all - uninformed.count, uninformed: uninformed.sorted(),
                isInUse: state.isReplaced)
        }
    }

    /// Whoever it is: a collector has one.
    private static let coordinator = PeerIdentity(role: .coordinator, name: "main")

    private var isNextAdmitted: Bool {
        guard hasCoordinator, let next else { return true }
        return ring.all.contains { PublicKey($0.key) == next }
    }

    private func prepare(_ author: String, _ note: (String) throws(CollectorError) -> Void) throws(RemoteFailure) {
        guard next == nil else { return }
        guard let file else {
            throw RemoteFailure(.failed, "this collector's key is in no file: no key can be put in its place")
        }
        try write("a next key is made", note)
        let key: PublicKey
        do throws(TransportError) {
            key = PublicKey(try file.make().publicKey)
        } catch {
            throw failure("no next key could be made: \(error.message)", note)
        }
        state.withLock { $0.next = key }
        logger.notice("the collector has a next key", metadata: ["key": "\(key)", "by": "\(author)"])
    }

    private func use(
        isForced: Bool, _ author: String, _ note: (String) throws(CollectorError) -> Void
    ) throws(RemoteFailure) {
        let now = current
        // Nobody is to force that: it would be shut out for good.
        guard isNextAdmitted else {
            throw RemoteFailure(
                .refused,
                "the coordinator has not admitted the next key yet, and would not let this collector in with it")
        }
        if let problem = now.problem(isForced: isForced, daemon: "collector") { throw problem }
        guard let next = now.next, let file else { return }  // there is a next key, in a file
        let unknowing = now.uninformed.count
        try write("key \(next) is used" + (unknowing == 0 ? "" : ": forced, \(unknowing) do not know it"), note)
        do throws(TransportError) {
            try file.promote()
        } catch {
            throw failure("the next key cannot take the present one's place: \(error.message)", note)
        }
        state.withLock { $0.isReplaced = true }
        logger.notice(
            "the collector starts anew, with its next key",
            metadata: ["key": "\(next)", "uninformed": "\(now.uninformed.count)", "by": "\(author)"])
    }

    private func write(_ text: String, _ note: (String) throws(CollectorError) -> Void) throws(RemoteFailure) {
        do throws(CollectorError) {
            try note(text)
        } catch {
            logger.error("what was asked for could not be written down", metadata: ["error": "\(error)"])
            throw RemoteFailure(.failed, "the collector could not write it down, and did nothing: \(error.message)")
        }
    }

    /// What was written down before did not come about.
    private func failure(_ text: String, _ note: (String) throws(CollectorError) -> Void) -> RemoteFailure {
        do throws(CollectorError) {
            try note(text)
        } catch {
            logger.error("what failed could not be written down", metadata: ["error": "\(error)"])
        }
        return RemoteFailure(.failed, text)
    }
}
