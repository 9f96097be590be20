/// What a collector concluded about one job without a word of its agent.
///
/// From silence: 40 agent-lost or 41 missed; or that this is taken back. From the coordinator's word: a final status, 31 above
/// all, as it gave the start up and no agent is expected to speak of it; or 10, as it ordered the job after all. Whatever
/// the agent itself says of the job stands instead.
package struct Inference: Hashable, Sendable {
    package var trigger: ReportedTrigger
    package var agent: AgentID
    /// ``Status/agentLost`` or ``Status/missed``; or the status that the job had before, now that its agent is heard again;
    /// or the final one that the coordinator gave it.
    package var status: Status
    /// By the collector's clock.
    package var at: UnixTime
    /// One sentence for people. At most 4 KiB.
    package var reason: String

    package init(trigger: ReportedTrigger, agent: AgentID, status: Status, at: UnixTime, reason: String) {
        self.trigger = trigger
        self.agent = agent
        self.status = status
        self.at = at
        self.reason = reason
    }
}

/// An inference as the history of its job shows it.
package struct InferredStatus: Hashable, Sendable {
    package var status: Status
    /// What the job was in until then.
    package var before: Status
    /// By the collector's clock.
    package var at: UnixTime
    package var reason: String
    /// When it was put right: by the agent's clock if a report did it, else by the collector's; `nil`: it stands.
    package var correctedAt: UnixTime?

    package init(status: Status, before: Status, at: UnixTime, reason: String, correctedAt: UnixTime? = nil) {
        self.status = status
        self.before = before
        self.at = at
        self.reason = reason
        self.correctedAt = correctedAt
    }
}

extension JobAggregate {
    /// Inferences that are kept of one job: the latest.
    private static let inferenceLimit = 16

    /// A job that was planned, and that nobody has spoken of until it was missed or given up; `nil` for another inference.
    package init?(_ inference: Inference) {
        guard inference.status == .missed || inference.status.isFinal else { return nil }
        self.init(inference.trigger, agent: inference.agent, status: .queued)
        guard infer(inference) else { return nil }
    }

    /// The inference that stands.
    package var standingInference: InferredStatus? {
        guard let last = inferences.last, last.correctedAt == nil, status.family == .inferred else { return nil }
        return last
    }

    /// Takes in what a collector inferred.
    ///
    /// - Returns: `false` when it does not fit, or not any more: the agent has spoken in the meantime. Nothing is changed
    ///   then, which is not an error.
    package mutating func infer(_ inference: Inference) -> Bool {
        guard inference.trigger.job == job, inference.agent == agent else { return false }
        switch inference.status {
        case .agentLost: guard status.family == .inProgress, lastOrigin != nil else { return false }
        case .missed:
            // The coordinator may have said so before: then the inference has not been told yet.
            guard lastOrigin == nil, !status.isFinal, standingInference == nil else { return false }
            details = ReportDetails()
        case let final where final.isFinal:
            guard lastOrigin == nil, status != final else { return false }
            take(inference.trigger)
            if standingInference != nil { correctInference(at: inference.at) }
            status = final
            details.reason = inference.reason
            return true
        case .queued where lastOrigin == nil && status.isFinal:
            take(inference.trigger)
            status = .queued
            details = ReportDetails()
            return true
        default:
            guard let standing = standingInference, inference.status == standing.before else { return false }
            status = standing.before
            correctInference(at: inference.at)
            return true
        }
        let before = status == .missed ? .queued : status
        inferences = inferences.suffix(Self.inferenceLimit - 1)
        inferences.append(
            InferredStatus(status: inference.status, before: before, at: inference.at, reason: inference.reason))
        status = inference.status
        return true
    }

    /// Notes that what was inferred last does not stand any more.
    mutating func correctInference(at time: UnixTime) {
        guard let last = inferences.indices.last, inferences[last].correctedAt == nil else { return }
        inferences[last].correctedAt = time
    }

    /// Carries over what was inferred of the same job, when the coordinator tells of its trigger again.
    package mutating func keepInferences(of old: JobAggregate, at now: UnixTime) {
        inferences = old.inferences
        guard old.standingInference != nil else { return }
        if status.isFinal {
            correctInference(at: now)
        } else {
            (status, details) = (old.status, old.details)
        }
    }

    /// What subscribers must be told, as this is what the coordinator made of a job of which no agent has spoken; `nil`:
    /// nothing. That a start is missed is told when its agent has had the time to speak of it.
    package func ruling(after old: JobAggregate?, at now: UnixTime) -> Inference? {
        let wasFinal = old?.status.isFinal ?? false
        guard lastOrigin == nil, status.isFinal ? status != old?.status : wasFinal else { return nil }
        let trigger = ReportedTrigger(
            job: job, policy: policy, revision: revision, cause: cause, scheduledStart: scheduledStart)
        return Inference(
            trigger: trigger, agent: agent, status: status.isFinal ? status : .queued, at: now,
            reason: status.isFinal ? details.reason : "the coordinator ordered it after all")
    }
}

/// Where a trigger stands, as its operator sees it.
package enum TriggerStanding: String, Hashable, Sendable, CaseIterable {
    /// Ordered, and its agent has not said that it has it.
    case pending
    /// Its agent has it.
    case delivered
    case started
    /// In a final status.
    case ended
    /// Its deadline passed without a start.
    case missed
    /// It was delivered or started, and its agent is silent.
    case agentLost = "agent-lost"
}

extension JobAggregate {
    package var standing: TriggerStanding {
        switch status {
        case .missed: .missed
        case .agentLost: .agentLost
        case .queued: lastOrigin == nil ? .pending : .delivered
        default: status.isFinal ? .ended : .started
        }
    }
}
