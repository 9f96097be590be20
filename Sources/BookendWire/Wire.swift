package import BookendModel
import SwiftProtobuf

/// Each noun in bytes: protobuf, one ``Envelope`` a message.
package enum Wire {
    /// The bytes of a message.
    package static func encode(_ envelope: Envelope) -> [UInt8] {
        var proto = ProtoEnvelope()
        proto.major = ProtocolVersion.major
        proto.minor = ProtocolVersion.minor
        proto.body = envelope.body
        do {
            return try proto.serializedBytes()
        } catch {
            // Only proto2's required fields and Any can fail here, and our messages have neither.
            preconditionFailure("an envelope could not be encoded: \(error)")
        }
    }

    /// Reads a message that came from outside.
    ///
    /// Unknown fields are ignored. Hostile bytes cost at most memory in proportion to their length.
    ///
    /// - Throws: ``WireError``; the message names the field and what was wrong with it.
    package static func decode(_ bytes: [UInt8]) throws(WireError) -> Envelope {
        let proto: ProtoEnvelope
        do {
            proto = try ProtoEnvelope(serializedBytes: bytes, options: options)
        } catch {
            throw WireError(.malformed, "not an envelope (\(bytes.count) bytes)")
        }
        guard proto.major <= ProtocolVersion.major else {
            throw WireError(
                .newerVersion,
                "protocol version \(proto.major).\(proto.minor) is newer than \(ProtocolVersion.major)."
                    + "\(ProtocolVersion.minor): upgrade this side (the coordinator first)")
        }
        guard proto.major > 0 else { throw WireError(.malformed, "an envelope without a version") }
        guard let body = proto.body else {
            throw WireError(.malformed, "an envelope without a body that version \(ProtocolVersion.major) knows")
        }
        return try Envelope(body)
    }

    /// An aggregate in bytes, for a store.
    package static func encode(_ aggregate: JobAggregate) -> [UInt8] {
        serialize(ProtoJobAggregate(aggregate))
    }

    /// - Throws: ``WireError`` when the bytes are not what ``encode(_:)-(JobAggregate)`` made.
    package static func decodeJobAggregate(_ bytes: [UInt8]) throws(WireError) -> JobAggregate {
        try JobAggregate(parse(bytes, as: ProtoJobAggregate.self))
    }

    /// A report in bytes, for a store.
    package static func encode(_ report: Report) -> [UInt8] {
        serialize(ProtoReport(report))
    }

    package static func decodeReport(_ bytes: [UInt8]) throws(WireError) -> Report {
        try Report(parse(bytes, as: ProtoReport.self))
    }

    /// An inference in bytes, for a store.
    package static func encode(_ inference: Inference) -> [UInt8] {
        serialize(ProtoInference(inference))
    }

    package static func decodeInference(_ bytes: [UInt8]) throws(WireError) -> Inference {
        try Inference(parse(bytes, as: ProtoInference.self))
    }

    /// A policy's revision in bytes, for a store.
    package static func encode(_ revision: PolicyRevision) -> [UInt8] {
        serialize(ProtoPolicyRevision(revision))
    }

    package static func decodePolicyRevision(_ bytes: [UInt8]) throws(WireError) -> PolicyRevision {
        try PolicyRevision(parse(bytes, as: ProtoPolicyRevision.self))
    }

    /// A peer in bytes, for a store.
    package static func encode(_ peer: Peer) -> [UInt8] {
        serialize(ProtoPeer(peer))
    }

    package static func decodePeer(_ bytes: [UInt8]) throws(WireError) -> Peer {
        try Peer(parse(bytes, as: ProtoPeer.self))
    }

    /// A ticket in bytes, for the text that people carry.
    package static func encode(_ ticket: EnrollmentTicket) -> [UInt8] {
        serialize(ProtoEnrollmentTicket(ticket))
    }

    package static func decodeEnrollmentTicket(_ bytes: [UInt8]) throws(WireError) -> EnrollmentTicket {
        try EnrollmentTicket(parse(bytes, as: ProtoEnrollmentTicket.self))
    }

    /// A token in bytes, for a store; without its secret's digest.
    package static func encode(_ token: EnrollmentToken) -> [UInt8] {
        serialize(ProtoEnrollmentToken(token))
    }

    package static func decodeEnrollmentToken(_ bytes: [UInt8]) throws(WireError) -> EnrollmentToken {
        try EnrollmentToken(parse(bytes, as: ProtoEnrollmentToken.self))
    }

    /// An alert in bytes, for a store.
    package static func encode(_ alert: Alert) -> [UInt8] {
        serialize(ProtoAlert(alert))
    }

    package static func decodeAlert(_ bytes: [UInt8]) throws(WireError) -> Alert {
        try Alert(parse(bytes, as: ProtoAlert.self))
    }

    /// One of an alert's subjects in bytes, for a store.
    package static func encode(_ subject: AlertSubject) -> [UInt8] {
        serialize(ProtoAlertSubject(subject))
    }

    package static func decodeAlertSubject(_ bytes: [UInt8]) throws(WireError) -> AlertSubject {
        try AlertSubject(parse(bytes, as: ProtoAlertSubject.self))
    }

    /// A silence in bytes, for a store.
    package static func encode(_ silence: AlertSilence) -> [UInt8] {
        serialize(ProtoAlertSilence(silence))
    }

    package static func decodeAlertSilence(_ bytes: [UInt8]) throws(WireError) -> AlertSilence {
        try AlertSilence(parse(bytes, as: ProtoAlertSilence.self))
    }

    /// A notice in bytes, for a store.
    package static func encode(_ notice: AlertNotice) -> [UInt8] {
        serialize(ProtoAlertNotice(notice))
    }

    package static func decodeAlertNotice(_ bytes: [UInt8]) throws(WireError) -> AlertNotice {
        try AlertNotice(parse(bytes, as: ProtoAlertNotice.self))
    }

    /// What people were told of an alert in bytes, for a store.
    package static func encode(_ event: AlertEvent) -> [UInt8] {
        serialize(ProtoAlertEvent(event))
    }

    package static func decodeAlertEvent(_ bytes: [UInt8]) throws(WireError) -> AlertEvent {
        try AlertEvent(parse(bytes, as: ProtoAlertEvent.self))
    }

    /// What was put together of messages in bytes, for a store.
    package static func encode(_ digest: AlertDigest) -> [UInt8] {
        serialize(ProtoAlertDigest(digest))
    }

    package static func decodeAlertDigest(_ bytes: [UInt8]) throws(WireError) -> AlertDigest {
        try AlertDigest(parse(bytes, as: ProtoAlertDigest.self))
    }

    /// A page of text in bytes, for a store.
    package static func encode(_ letter: ReportLetter) -> [UInt8] {
        serialize(ProtoReportLetter(letter))
    }

    package static func decodeReportLetter(_ bytes: [UInt8]) throws(WireError) -> ReportLetter {
        ReportLetter(try parse(bytes, as: ProtoReportLetter.self))
    }

    /// Unknown fields are not kept: collecting them takes quadratic time when there are many.
    private static var options: BinaryDecodingOptions {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = 16
        options.discardUnknownFields = true
        return options
    }

    private static func serialize(_ message: some SwiftProtobuf.Message) -> [UInt8] {
        do {
            return try message.serializedBytes()
        } catch {
            preconditionFailure("a message could not be encoded: \(error)")
        }
    }

    private static func parse<M: SwiftProtobuf.Message>(_ bytes: [UInt8], as type: M.Type) throws(WireError) -> M {
        do {
            return try M(serializedBytes: bytes, options: options)
        } catch {
            throw WireError(.malformed, "not a \(M.protoMessageName) (\(bytes.count) bytes)")
        }
    }
}
