import BookendModel
import BookendTestSupport
import BookendTransport
import Foundation
import Logging
import Testing

@testable import BookendCollector

/// The collector's own key: what agents are told, and when the next one may be used.
struct OwnKeyTests {
    private struct Place {
        let file: NextKeyFile
        let present: CurveKeyPair
        let ring = KeyRing()

        func key(hasCoordinator: Bool) throws -> OwnKey {
            try OwnKey(
                present.publicKey, file: file, ring: ring, hasCoordinator: hasCoordinator,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        var stored: PublicKey {
            get throws { PublicKey(try CurveKeyPair.read(secretFile: file.present).publicKey) }
        }
    }

    private let web1 = AgentID(rawValue: "web-1")
    private let web2 = AgentID(rawValue: "web-2")

    /// With two agents that may come in.
    private func with(_ body: (Place) throws -> Void) throws {
        try TemporaryDirectory.with { directory in
            let file = directory + "/collector.key"
            let present = try CurveKeyPair.generate()
            try present.write(secretFile: file)
            let place = Place(file: NextKeyFile(besides: file), present: present)
            for agent in [web1, web2] { try enroll(try CurveKeyPair.generate().publicKey, "agent/\(agent)", place) }
            try body(place)
        }
    }

    private func enroll(_ key: CurveKey, _ name: String, _ place: Place) throws {
        place.ring.enroll(EnrolledKey(key: key, identity: try #require(PeerIdentity(name))))
    }

    /// - Parameter note: What writes down.
    private func state(
        _ key: OwnKey, _ step: ServerKeyStep, noting note: (String) throws(CollectorError) -> Void = { _ in }
    ) throws -> ServerKeyState {
        guard case .serverKey(let state) = key.answer(step, by: "local/0", noting: note) else {
            throw RemoteFailure(.failed, "refused")
        }
        return state
    }

    private func failure(
        _ key: OwnKey, _ step: ServerKeyStep, noting note: (String) throws(CollectorError) -> Void = { _ in }
    ) -> RemoteFailure? {
        if case .failed(let failure) = key.answer(step, by: "local/0", noting: note) { failure } else { nil }
    }

    @Test func `agents are told until they know, and the next key is not used while one of them does not`() throws {
        try with { place in
            let key = try place.key(hasCoordinator: false)
            let present = key.present
            #expect(try state(key, .show) == ServerKeyState(key: present))
            #expect(failure(key, .use(isForced: true))?.code == .refused)
            #expect(key.hear(present, from: web1) == nil)

            let next = try #require(try state(key, .prepare).next)
            #expect(try state(key, .prepare).next == next && next != present)
            #expect(key.hear(nil, from: web1) == nil)
            #expect(key.hear(present, from: web1) == BeaconReply(nextKey: next))
            #expect(key.hear(next, from: web1) == nil)
            let known = try state(key, .show)
            #expect(known.informed == 1 && known.uninformed.map(\.description) == ["agent/web-2"])
            let refusal = failure(key, .use(isForced: false))
            #expect(refusal?.code == .refused && refusal?.message.hasPrefix("agent/web-2 would not") == true)
            #expect(try place.stored == present)

            // A collector that was started anew tells of the same key, and asks again who knows it.
            let again = try place.key(hasCoordinator: false)
            #expect(again.hear(present, from: web2) == BeaconReply(nextKey: next))
            #expect(try state(again, .show).uninformed.count == 2)
            for agent in [web1, web2] { #expect(again.hear(next, from: agent) == nil) }
            #expect(try state(again, .use(isForced: false)).isInUse && again.isReplaced)
            #expect(try place.stored == next)
            #expect(failure(again, .use(isForced: true))?.code == .unavailable)
        }
    }

    @Test func `a next key that the coordinator has not admitted is not used, even by force`() throws {
        try with { place in
            let key = try place.key(hasCoordinator: true)
            let next = try #require(try state(key, .prepare).next)
            for agent in [web1, web2] { #expect(key.hear(next, from: agent) == nil) }
            let waiting = try state(key, .show)
            #expect(waiting.uninformed.map(\.description) == ["coordinator/main"] && waiting.informed == 2)
            #expect(failure(key, .use(isForced: true))?.message.contains("not admitted the next key") == true)
            #expect(try place.stored == key.present)
            try enroll(try CurveKey(next), "collector/main", place)
            #expect(try state(key, .show).uninformed.isEmpty)
            #expect(try state(key, .use(isForced: false)).isInUse)
        }
    }

    @Test func `each change is noted before it is made, and is not made when it cannot be noted`() throws {
        try with { place in
            let key = try place.key(hasCoordinator: false)
            var notes: [String] = []
            let note = { (text: String) in notes.append(text) }
            let broken = { (_: String) throws(CollectorError) in throw CollectorError(.store, "the disk is full") }
            let nextFile = place.file.path

            #expect(failure(key, .prepare, noting: broken)?.message.contains("the disk is full") == true)
            #expect(key.next == nil && !FileManager.default.fileExists(atPath: nextFile))
            let next = try #require(
                try state(key, .prepare) { text in
                    #expect(!FileManager.default.fileExists(atPath: nextFile))
                    note(text)
                }.next)
            // What is there already, or only looked at, is no change; nor is what is refused.
            _ = try state(key, .prepare, noting: note)
            _ = try state(key, .show, noting: note)
            #expect(failure(key, .use(isForced: false), noting: note)?.code == .refused)
            #expect(notes == ["a next key is made"])

            #expect(failure(key, .use(isForced: true), noting: broken)?.code == .failed)
            #expect(try !key.isReplaced && place.stored == key.present)
            #expect(try state(key, .use(isForced: true), noting: note).isInUse)
            #expect(notes.last == "key \(next) is used: forced, 2 do not know it")
        }
    }
}
