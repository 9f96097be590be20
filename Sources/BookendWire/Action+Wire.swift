import BookendModel

extension ProtoAction {
    init(_ action: CollectorAction) {
        self.init()
        who = action.who
        what = action.what.rawValue
        target = action.target
        reason = action.reason
        atUnixMs = action.at.milliseconds
    }
}

extension CollectorAction {
    init(_ proto: ProtoAction) throws(WireError) {
        guard let what = Deed(rawValue: proto.what) else {
            throw WireError(.invalid, "action.what: '\(proto.what.prefix(64))' is nothing that this version knows")
        }
        self.init(
            who: try proto.who.bounded(256, "action.who"), what: what,
            target: try proto.target.bounded(512, "action.target"),
            reason: try proto.reason.bounded(1_024, "action.reason"), at: UnixTime(milliseconds: proto.atUnixMs))
    }
}
