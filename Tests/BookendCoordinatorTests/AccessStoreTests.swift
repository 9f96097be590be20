import BookendModel
import BookendTestSupport
import Testing

@testable import BookendCoordinator

/// The contract of ``AccessStore``, for every store.
@Suite struct AccessStoreTests {
    private let start = Moment.start.wall

    private func with(
        _ kind: StoreKind, _ body: (any PolicyStore, _ reopened: () throws -> any PolicyStore) throws -> Void
    ) throws {
        switch kind {
        case .memory:
            let store = InMemoryPolicyStore()
            try body(store, { store })
        case .sqlite:
            try TemporaryDirectory.with { directory in
                let path = directory + "/coordinator.sqlite"
                try body(try SQLitePolicyStore(path: path), { try SQLitePolicyStore(path: path) })
            }
        }
    }

    private func peer(_ number: Int, _ state: Peer.State = .admitted) -> Peer {
        Peer(
            identity: PeerIdentity(role: .operator, name: "p\(number)"),
            key: PublicKey(checking: String(repeating: "0", count: 39) + "\(number)")!,
            labels: ["site": "a=b", "rack": "7"], role: .viewer, state: state, origin: .token(TokenID(rawValue: 1)),
            changedAt: start, changedBy: "token/1")
    }

    private func token(usesLeft: Int) -> EnrollmentToken {
        EnrollmentToken(
            id: TokenID(rawValue: 1),
            allows: TokenDraft(
                peerRole: .operator, operatorRole: .viewer, labels: ["site": "a=b"], uses: 3, lifetime: .seconds(60)),
            usesLeft: usesLeft, needsApproval: true, madeAt: start, madeBy: "operator/alice",
            secretDigest: [UInt8](0..<32))
    }

    @Test(arguments: StoreKind.allCases) func `peers and tokens are kept as they were recorded`(kind: StoreKind) throws
    {
        try with(kind) { store, reopened in
            #expect(try store.access().peers == [] && store.access().tokens == [])
            let first = try store.record([peer(1), peer(2, .pending)], token: token(usesLeft: 2))
            #expect(first.map(\.generation) == [1, 2])
            var changed = first[0]
            changed.labels = [:]
            let second = try store.record([changed], token: token(usesLeft: 1))
            #expect(second.map(\.generation) == [3])
            let access = try reopened().access()
            #expect(access.peers == [first[1], second[0]])
            #expect(access.tokens == [token(usesLeft: 1)])
        }
    }

    @Test(arguments: StoreKind.allCases) func `a revoked key stays revoked`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            _ = try store.record([peer(1)], token: nil)
            let revoked = try store.record([peer(1, .revoked)], token: nil)
            #expect(try store.record([peer(1), peer(2)], token: nil).map(\.identity.name) == ["p2"])
            #expect(try reopened().access().peers.first == revoked.first)
            #expect(try reopened().record([peer(3)], token: nil).map(\.generation) == [4])
        }
    }

    @Test(arguments: StoreKind.allCases) func `tokens are forgotten, and who came with them stays`(kind: StoreKind)
        throws
    {
        try with(kind) { store, reopened in
            _ = try store.record([peer(1)], token: token(usesLeft: 0))
            try store.forget([TokenID(rawValue: 1), TokenID(rawValue: 7)])
            let access = try reopened().access()
            #expect(access.tokens == [] && access.peers.count == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func `what is forgotten leaves no trace, but for a key that is revoked`(
        kind: StoreKind
    ) throws {
        try with(kind) { store, reopened in
            _ = try store.record([peer(1), peer(2, .revoked), peer(3)], token: nil)
            var other = token(usesLeft: 1)
            other.id = TokenID(rawValue: 2)
            let change = AccessChange(
                peers: [peer(4)], forgotten: [1, 2, 9].map { peer($0).key }, tokens: [token(usesLeft: 0), other])
            #expect(try store.record(change, audit: [], at: start).map(\.generation) == [4])
            let access = try reopened().access()
            #expect(access.peers.map(\.identity.name) == ["p2", "p3", "p4"])
            #expect(access.tokens == change.tokens)
        }
    }
}
