import BookendModel

extension ProtoHold {
    init(_ hold: Hold) {
        self.init()
        target = hold.target.description
        reason = hold.reason
        sinceUnixMs = hold.since.milliseconds
        untilUnixMs = hold.until.milliseconds
        madeBy = hold.madeBy
    }
}

extension Hold {
    init(_ proto: ProtoHold) throws(WireError) {
        self.init(
            target: try Target(wire: proto.target), reason: try proto.reason.bounded(1_024, "hold.reason"),
            since: UnixTime(milliseconds: proto.sinceUnixMs), until: UnixTime(milliseconds: proto.untilUnixMs),
            madeBy: try proto.madeBy.bounded(256, "hold.made_by"))
    }
}

extension Hold.Target {
    init(wire text: String) throws(WireError) {
        guard let target = Hold.Target(text) else {
            throw WireError(.invalid, "hold.target: expected policy NAME or agent NAME")
        }
        self = target
    }
}
