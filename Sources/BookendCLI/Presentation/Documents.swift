import BookendFiles
import BookendModel

// The shapes that `--output json` promises. Keys are added, never renamed or taken away.

extension Status {
    var document: Document {
        .object(["status": Document(rawValue), "name": .text(name), "is_inferred": .bool(family == .inferred)])
    }
}

extension Document {
    /// A time twice: `key` by the calendar in UTC, `key_unix_ms` as a number.
    static func time(_ key: String, _ time: UnixTime?) -> Document {
        .object([
            Member(key: key, value: Document(time.map { $0.rfc3339 })),
            Member(key: key + "_unix_ms", value: Document(time?.milliseconds)),
        ])
    }
}

extension JobAggregate {
    var document: Document {
        .object([
            "job_id": Document(job.rawValue), "agent": .text(agent.rawValue), "policy": .text(policy.rawValue),
            "revision": Document(revision), "cause": .text(cause.rawValue), "status": status.document,
            "is_final": .bool(status.isFinal), "standing": .text(standing.rawValue), "reason": .text(details.reason),
        ]) + .time("scheduled_start", scheduledStart) + .time("started_at", startedAt) + .time("ended_at", endedAt)
            + .object([
                "duration_ms": Document(duration?.milliseconds),
                "alerts": .list(alerts.map { .text($0.rawValue) }),
            ]) + .time("next_attempt_at", details.nextAttemptAt)
            + .object([
                "attempts": .list(attempts.map(\.document)),
                "events": .list(details.events.map(\.document)),
                "inferences": .list(inferences.map(\.document)),
            ])
    }

}

extension InferredStatus {
    var document: Document {
        .object(["status": status.document, "before": before.document, "reason": .text(reason)]) + .time("at", at)
            + .time("corrected_at", correctedAt)
    }
}

extension AttemptAggregate {
    var document: Document {
        .object([
            "attempt": Document(attempt), "pre_script": preScript.document, "backup": backup.document,
            "post_script": postScript.document,
        ])
    }
}

extension StageAggregate {
    var document: Document {
        .object(["status": status.document]) + details.document + .time("started_at", startedAt)
            + .time("ended_at", endedAt)
    }

    var duration: Duration? {
        if let duration = details.duration { return duration }
        guard let startedAt, let endedAt else { return nil }
        return endedAt - startedAt
    }
}

extension ReportDetails {
    var document: Document {
        .object([
            "reason": .text(reason), "exit_code": Document(exitCode), "signal": Document(signal),
            "duration_ms": Document(duration?.milliseconds), "snapshot_id": Document(snapshotID),
            "bytes_added": Document(bytesAdded), "bytes_processed": Document(bytesProcessed),
            "files_processed": Document(filesProcessed), "errors": .list(errors.map(Document.text)),
            "left_processes": .list(leftProcesses.map(Document.text)),
            "alerts": .list(alerts.map { .text($0.rawValue) }),
        ]) + .time("next_attempt_at", nextAttemptAt)
    }
}

extension PipelineEventRecord {
    var document: Document {
        .object([
            "attempt": Document(attempt), "event": .text(event), "consequence": .text(consequence),
        ]) + .time("at", at)
    }
}

extension FeedEntry {
    /// One line of `bookend watch --output json`.
    var document: Document {
        switch body {
        case .report(let report): document(report)
        case .inference(let inference): document(inference)
        case .alert(let event): document(event)
        }
    }

    /// What people were told: of no job by itself.
    private func document(_ event: AlertEvent) -> Document {
        .object([
            "cursor": .text(cursor.rawValue), "is_inference": .bool(false), "is_alert": .bool(true),
            "alert_id": Document(event.id), "kind": .text(event.cause.kind.rawValue),
            "severity": .text(event.cause.kind.severity.rawValue), "occasion": .text(event.occasion.rawValue),
            "policy": Document(event.cause.policy?.rawValue), "agents_hit": Document(event.hit),
            "agents_open": Document(event.open), "agents": .list(event.agents.map { .text($0.rawValue) }),
            "ends_job": .bool(false), "reason": .text(event.reason),
        ]) + .time("at", event.at)
    }

    /// The same keys as a report's, as far as they mean something.
    private func document(_ inference: Inference) -> Document {
        .object([
            "cursor": .text(cursor.rawValue), "is_inference": .bool(true),
            "job_id": Document(inference.trigger.job.rawValue),
            "agent": .text(inference.agent.rawValue), "policy": .text(inference.trigger.policy.rawValue),
            "revision": Document(inference.trigger.revision), "cause": .text(inference.trigger.cause.rawValue),
            "status": inference.status.document, "ends_job": .bool(inference.status.isFinal),
            "reason": .text(inference.reason),
        ]) + .time("scheduled_start", inference.trigger.scheduledStart) + .time("at", inference.at)
    }

    private func document(_ report: Report) -> Document {
        .object([
            "cursor": .text(cursor.rawValue), "is_inference": .bool(false),
            "job_id": Document(report.trigger.job.rawValue),
            "agent": .text(report.origin.agent.rawValue), "policy": .text(report.trigger.policy.rawValue),
            "revision": Document(report.trigger.revision), "cause": .text(report.trigger.cause.rawValue),
            "attempt": Document(report.attempt), "stage": Document(report.stage?.rawValue),
            "status": report.status.document, "ends_job": .bool(report.endsJob),
        ]) + .time("scheduled_start", report.trigger.scheduledStart) + .time("at", report.at)
            + .object([
                "incarnation": .text(String(report.origin.incarnation)),
                "sequence": Document(report.origin.sequence), "details": report.details.document,
            ])
    }
}

extension AgentRecord {
    var document: Document {
        .object([
            "agent": .text(id.rawValue), "is_online": .bool(isOnline), "is_cloned": .bool(isCloned),
            "version": .text(version),
            "labels": .object(
                labels.sorted { $0.key < $1.key }.map { Document.Member(key: $0.key, value: .text($0.value)) }),
        ]) + .time("last_heard_at", lastHeardAt)
            + .object([
                "generation": Document(generation), "outbox_depth": Document(outboxDepth),
                "open_debts": Document(openDebts), "journal_problem": Document(journalProblem),
                "clock_skew_ms": Document(clockSkew.milliseconds), "clock_problem": Document(clockProblem),
                "maintenance": maintenance?.document ?? .null,
                "active_jobs": .list(
                    activeJobs.map { job in
                        .object([
                            "job_id": Document(job.job.rawValue), "policy": .text(job.policy.rawValue),
                            "attempt": Document(job.attempt), "stage": Document(job.stage?.rawValue),
                        ])
                    }),
            ])
    }
}

extension TriggerRecord {
    /// The status that the job has, as far as its trigger tells.
    var status: Status {
        switch state {
        case .pending, .delivered, .planned, .reclaimed: .queued
        case .offline: .agentOffline
        case .missed: .missed
        case .withdrawn: .skipped
        case .conflict: .couldNotStart
        }
    }

    var document: Document {
        .object([
            "job_id": Document(trigger.job.rawValue), "agent": .text(trigger.agent.rawValue),
            "policy": .text(trigger.policy.rawValue), "revision": Document(trigger.revision),
            "cause": .text(trigger.cause.rawValue), "state": .text(state.rawValue),
            "is_canceled": .bool(isCanceled), "status": status.document,
        ]) + .time("scheduled_start", trigger.scheduledStart) + .time("not_after", trigger.notAfter)
            + .time("window_end", trigger.windowEnd)
    }
}

extension SnapshotSummary {
    var document: Document {
        .object(["snapshot_id": .text(id)]) + .time("at", at)
            + .object([
                "paths": .list(paths.map(Document.text)), "tags": .list(tags.map(Document.text)), "host": .text(host),
            ])
    }
}

/// Jobs by status, as an array in ascending order of status.
func document(counts: [Status: Int]) -> Document {
    .list(
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { status, count in
            status.document + .object(["jobs": Document(count)])
        })
}
