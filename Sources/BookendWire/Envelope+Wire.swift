import BookendModel

extension Envelope {
    /// The message as the generated code spells it.
    var body: ProtoEnvelope.OneOf_Body {
        switch self {
        case .policyChange(let change): return .policyChange(ProtoPolicyChange(change))
        case .trigger(let trigger): return .trigger(ProtoTrigger(trigger))
        case .cancel(let job): return .cancel(ProtoJobReference(job))
        case .slotChange(let change): return .slotChange(ProtoSlotChange(change))
        case .hello(let hello): return .hello(ProtoHello(hello))
        case .syncSnapshot(let snapshot): return .syncSnapshot(ProtoSyncSnapshot(snapshot))
        case .heartbeat(let heartbeat): return .heartbeat(ProtoHeartbeat(heartbeat))
        case .heartbeatReply(let reply):
            var proto = ProtoHeartbeatReply()
            proto.generation = reply.generation
            proto.wallUnixMs = reply.wall.milliseconds
            proto.slotsVersion = reply.slotsVersion
            if let key = reply.nextKey { proto.nextKey = key.text }
            return .heartbeatReply(proto)
        case .triggerAck(let job): return .triggerAck(ProtoJobReference(job))
        case .cancelAck(let job): return .cancelAck(ProtoJobReference(job))
        case .triggerConflict(let job): return .triggerConflict(ProtoJobReference(job))
        case .helloLater(let delay):
            var proto = ProtoHelloLater()
            proto.delayMs = delay.milliseconds
            return .helloLater(proto)
        case .askCall(let call): return .askCall(ProtoAskCall(call))
        case .askReply(let reply): return .askReply(ProtoAskReply(reply))
        case .rosterRequest(let request):
            var proto = ProtoRosterRequest()
            proto.after = request.after
            proto.epoch = request.epoch
            proto.highestJobID = request.highestJob.rawValue
            proto.peersAfter = request.peersAfter
            proto.refusals = request.refusals.map(ProtoRefusal.init)
            proto.refusalsThrough = request.refusalsThrough
            proto.place = ProtoCollectorPlace(request.place)
            if let key = request.serverKey { proto.serverKey = key.text }
            if let key = request.nextKey { proto.nextKey = key.text }
            proto.objectivesVersion = request.objectivesVersion
            proto.coverageVersion = request.coverageVersion
            proto.actions = request.actions.map(ProtoAction.init)
            proto.actionsThrough = request.actionsThrough
            return .rosterRequest(proto)
        case .rosterReply(let reply): return .rosterReply(ProtoRosterReply(reply))
        case .intake(.resume(let resume)): return .intakeResume(ProtoIntakeResume(resume))
        case .intake(.batch(let batch)): return .intakeBatch(ProtoIntakeBatch(batch))
        case .intake(.beacon(let beacon)): return .intakeBeacon(ProtoIntakeBeacon(beacon))
        case .progress(let progress): return .progress(ProtoProgress(progress))
        case .intakeAck(let ack): return .intakeAck(ProtoIntakeAck(ack))
        case .beaconReply(let reply):
            var proto = ProtoBeaconReply()
            if let key = reply.nextKey { proto.nextKey = key.text }
            return .beaconReply(proto)
        case .feedEntry(let entry): return .feedEntry(ProtoFeedEntry(entry))
        case .query(let request, let query): return .query(ProtoQuery(request, query))
        case .queryReply(let request, let reply): return .queryReply(ProtoQueryReply(request, reply))
        case .control(let request, let control): return .control(ProtoControlRequest(request, control))
        case .controlReply(let request, let reply): return .controlReply(ProtoControlReply(request, reply))
        case .enrollRequest(let request): return .enrollRequest(ProtoEnrollRequest(request))
        case .enrollReply(let reply): return .enrollReply(ProtoEnrollReply(reply))
        }
    }

    init(_ body: ProtoEnvelope.OneOf_Body) throws(WireError) {
        switch body {
        case .policyChange(let proto): self = .policyChange(try PolicyChange(proto))
        case .trigger(let proto): self = .trigger(try Trigger(proto))
        case .cancel(let proto): self = .cancel(try JobID(wire: proto.jobID))
        case .slotChange(let proto): self = .slotChange(try SlotChange(proto))
        case .hello(let proto): self = .hello(try Hello(proto))
        case .syncSnapshot(let proto): self = .syncSnapshot(try SyncSnapshot(proto))
        case .heartbeat(let proto): self = .heartbeat(try Heartbeat(proto))
        case .heartbeatReply(let proto):
            var reply = HeartbeatReply(
                generation: proto.generation, wall: UnixTime(milliseconds: proto.wallUnixMs),
                slotsVersion: proto.slotsVersion)
            reply.nextKey = try PublicKey(wire: proto.nextKey, isThere: proto.hasNextKey, "heartbeat.next_key")
            self = .heartbeatReply(reply)
        case .triggerAck(let proto): self = .triggerAck(try JobID(wire: proto.jobID))
        case .cancelAck(let proto): self = .cancelAck(try JobID(wire: proto.jobID))
        case .triggerConflict(let proto): self = .triggerConflict(try JobID(wire: proto.jobID))
        case .helloLater(let proto):
            guard (0...86_400_000).contains(proto.delayMs) else {
                throw WireError(.invalid, "hello_later.delay_ms: \(proto.delayMs) is not in 0...86400000")
            }
            self = .helloLater(.milliseconds(proto.delayMs))
        case .askCall(let proto): self = .askCall(try AskCall(proto))
        case .askReply(let proto): self = .askReply(try AskReply(proto))
        case .rosterRequest(let proto):
            var request = RosterRequest(
                after: proto.after, epoch: proto.epoch, highestJob: JobID(rawValue: max(0, proto.highestJobID)),
                peersAfter: max(0, proto.peersAfter), place: try CollectorPlace(proto.place))
            request.refusals = try proto.refusals.bounded(100, "refusals").map { refusal throws(WireError) in
                try Refusal(refusal)
            }
            request.refusalsThrough = max(0, proto.refusalsThrough)
            request.serverKey = try PublicKey(
                wire: proto.serverKey, isThere: proto.hasServerKey, "roster.server_key")
            request.nextKey = try PublicKey(wire: proto.nextKey, isThere: proto.hasNextKey, "roster.next_key")
            request.objectivesVersion = proto.objectivesVersion
            request.coverageVersion = proto.coverageVersion
            request.actions = try proto.actions.bounded(100, "actions").map { action throws(WireError) in
                try CollectorAction(action)
            }
            request.actionsThrough = max(0, proto.actionsThrough)
            self = .rosterRequest(request)
        case .rosterReply(let proto): self = .rosterReply(try RosterReply(proto))
        case .intakeResume(let proto): self = .intake(.resume(IntakeResume(proto)))
        case .intakeBatch(let proto): self = .intake(.batch(try IntakeBatch(proto)))
        case .intakeBeacon(let proto): self = .intake(.beacon(try IntakeBeacon(proto)))
        case .intakeAck(let proto): self = .intakeAck(IntakeAck(proto))
        case .beaconReply(let proto):
            self = .beaconReply(
                BeaconReply(
                    nextKey: try PublicKey(wire: proto.nextKey, isThere: proto.hasNextKey, "beacon_reply.next_key")))
        case .progress(let proto): self = .progress(try Progress(proto))
        case .feedEntry(let proto): self = .feedEntry(try FeedEntry(proto))
        case .query(let proto): self = .query(request: proto.request, try Query(proto))
        case .queryReply(let proto): self = .queryReply(request: proto.request, try QueryReply(proto))
        case .control(let proto): self = .control(request: proto.request, try ControlRequest(proto))
        case .controlReply(let proto): self = .controlReply(request: proto.request, try ControlReply(proto))
        case .enrollRequest(let proto): self = .enrollRequest(try EnrollRequest(proto))
        case .enrollReply(let proto): self = .enrollReply(try EnrollReply(proto))
        }
    }
}
