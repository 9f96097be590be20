import BookendModel
import Testing

@testable import BookendWire

@Suite struct HeldSlotTests {
    @Test func `a slot that is held back is withdrawn for an agent that knows of no such thing`() throws {
        var held = Samples.trigger
        held.isHeld = true
        let change = SlotChange(previous: 8, version: 9, slots: [held], withdrawn: [JobID(rawValue: 3)])
        #expect(try Wire.decode(Wire.encode(.slotChange(change))) == .slotChange(change))
        let proto = ProtoSlotChange(change)
        #expect(proto.slots.isEmpty && proto.withdrawnJobIds == [3, held.job.rawValue])
        let snapshot = SyncSnapshot(
            generation: 5, policies: [], triggers: [], cancels: [], wall: Samples.time, slots: [held])
        #expect(try Wire.decode(Wire.encode(.syncSnapshot(snapshot))) == .syncSnapshot(snapshot))
        #expect(ProtoSyncSnapshot(snapshot).slots.isEmpty)
    }
}
