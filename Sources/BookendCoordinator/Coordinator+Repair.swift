import BookendModel
import Logging

// What the coordinator mends when state went back in time: its own, or an agent's.
extension Coordinator {
    /// Somebody knows this job id and this generation: if they were never given here, or the id means another order here,
    /// this store is a copy of an earlier one, or he makes them up.
    ///
    /// The epoch is renewed with the first of them. Whoever comes later comes to that epoch with what he has from before it,
    /// so he is told everything anew all the same.
    ///
    /// - Parameter known: The jobs that an agent's journal holds.
    func goAbove(
        _ job: JobID, _ generation: Int64, knowing known: [KnownJob] = [], named peer: PeerIdentity, _ now: Moment
    ) {
        do throws(CoordinatorError) {
            let highest = try store.highestJob()
            let doubled = try otherOrder(than: known.first { $0.job == job })
            guard job > highest || generation > 0 || doubled != nil else { return }
            // The machine has gone above the generation, if it believes it.
            guard lostJobs.isBelievable(job.rawValue), generation < max(1, machine.policies.generation) else {
                return refuse(
                    "numbers.raise", of: job, named: peer,
                    "a job id (highest: \(highest)) or a generation (\(generation)) that cannot be: it is not of this "
                        + "fleet, or made up", now)
            }
            try moveOffline(known, of: peer, now)
            guard job > highest || generation > 0 else {
                return try beginEpoch("job id \(job) was given twice", "job \(job)", named: peer, now)
            }
            let next = job > highest ? lostJobs.goAbove(job.rawValue).map { JobID(rawValue: $0) } ?? highest : highest
            try renewEpoch(above: next, now)
            logger.error(
                "state went back in time: others know more than this database; ids and generations go on above it",
                metadata: [
                    "job.id": "\(job)", "highest": "\(highest)", "generation": "\(machine.policies.generation)",
                    "by": "\(peer)",
                ])
            audit(
                [
                    AuditDraft(
                        who: peer.description, origin: "", what: "numbers.raise", target: "job \(job)", result: .done,
                        detail: "the highest here was \(highest): ids go on above \(next), generations above "
                            + "\(machine.policies.generation)")
                ], now)
        } catch {
            logger.error("the counters could not be raised; it is tried again", metadata: ["error": "\(error)"])
            guard peer.role == .agent else { return }
            perform(machine.handle(.helloNotCompared(AgentID(rawValue: peer.name)), at: now), now)
        }
    }

    /// Orders that never began, as their agent was offline, have ids from before it could say that it knows them. Once a run
    /// for each agent: from its first hello on it is given none that it knows.
    private func moveOffline(
        _ known: [KnownJob], of peer: PeerIdentity, _ now: Moment
    ) throws(CoordinatorError) {
        let agent = AgentID(rawValue: peer.name)
        guard !known.isEmpty, !offlineMoved.contains(agent) else { return }
        for known in known {
            guard let order = try otherOrder(than: known), order.state == .offline, order.trigger.agent == agent else {
                continue
            }
            reissue(known.job, named: agent, now)
        }
        offlineMoved.insert(agent)
    }

    private func refuse(_ what: String, of job: JobID, named peer: PeerIdentity, _ reason: String, _ now: Moment) {
        refuse(Refusal(who: peer.description, origin: "", what: what, target: "job \(job)", reason: reason), now)
    }

    /// The order that the store has by the id of this one, and that is another; `nil`: there is none.
    private func otherOrder(than known: KnownJob?) throws(CoordinatorError) -> TriggerRecord? {
        guard let known, let record = try store.trigger(known.job) else { return nil }
        return record.trigger.fingerprint == known.fingerprint ? nil : record
    }

    /// The store's changes have numbers that it had given before it went back in time: those who count them begin anew.
    private func renewEpoch(above job: JobID, _ now: Moment) throws(CoordinatorError) {
        let epoch = try store.goAbove(
            job: job, generation: machine.policies.generation, renewingEpoch: !isEpochFresh)
        isEpochFresh = true
        if epoch != machine.epoch { perform(machine.handle(.epochRenewed(epoch), at: now), now) }
    }

    /// State went back in time, and all that was lost lies below what was given since.
    private func beginEpoch(
        _ reason: String, _ target: String, named peer: PeerIdentity, _ now: Moment
    ) throws(CoordinatorError) {
        guard !isEpochFresh else { return }
        try renewEpoch(above: store.highestJob(), now)
        logger.error(
            "state went back in time: all that follow this coordinator begin anew",
            metadata: ["reason": "\(reason)", "by": "\(peer)"])
        audit(
            [
                AuditDraft(
                    who: peer.description, origin: "", what: "epoch.renew", target: target, result: .done,
                    detail: "\(reason): this database is a copy of an earlier one")
            ], now)
    }

    /// A collector that was told of changes which this store never made knows a later state of it.
    func compareChanges(_ request: RosterRequest, of peer: PeerIdentity, _ now: Moment) {
        guard !isEpochFresh, request.epoch == machine.epoch else { return }
        do throws(CoordinatorError) {
            var isLost = try store.isPassedOver(request.after)
            if !isLost { isLost = try request.after > store.changes(after: request.after, limit: 0).through }
            guard isLost else { return }
            try beginEpoch("a collector knows changes that were lost", "change \(request.after)", named: peer, now)
        } catch {
            logger.error("a collector's changes could not be compared; it asks again", metadata: ["error": "\(error)"])
        }
    }

    /// An agent that was restored from a snapshot gets again what it had acknowledged.
    func reclaim(_ agent: AgentID, _ known: [KnownJob], since: UnixTime, _ now: Moment) {
        do throws(CoordinatorError) {
            let lost = try store.reclaim(of: agent, knowing: known, since: since, at: now.wall)
            guard !lost.isEmpty else { return }
            logger.error(
                "an agent has lost jobs that it had acknowledged: was it restored? They are sent again",
                metadata: [
                    "agent": "\(agent)", "jobs": "\(lost.count)", "first": "\(lost[0].record.trigger.job)",
                ])
            perform(machine.handle(.triggersReclaimed(lost), at: now), now)
        } catch {
            logger.error(
                "an agent's jobs could not be compared; it is tried again",
                metadata: ["agent": "\(agent)", "error": "\(error)"])
            perform(machine.handle(.helloNotCompared(agent), at: now), now)
        }
    }

    /// An agent that was restored from a snapshot goes on with jobs whose cancels it had acknowledged. Twice does no harm.
    func remindOfCancels(_ agent: AgentID, _ jobs: [JobID], _ now: Moment) {
        do throws(CoordinatorError) {
            for job in jobs {
                guard let record = try store.trigger(job), record.isCanceled, record.trigger.agent == agent else {
                    continue
                }
                perform(machine.handle(.cancelRecorded(record), at: now), now)
            }
        } catch {
            logger.error(
                "an agent's cancels could not be read; it is tried again",
                metadata: ["agent": "\(agent)", "error": "\(error)"])
            perform(machine.handle(.helloNotCompared(agent), at: now), now)
        }
    }

    /// An id was given twice, as its agent says: the order goes on under another one.
    func reissue(_ job: JobID, named agent: AgentID, _ now: Moment) {
        let peer = PeerIdentity(role: .agent, name: agent.rawValue)
        guard reissues[agent, default: 0] < Self.mostReissues else {
            return refuse(
                "trigger.reissue", of: job, named: peer,
                "since this coordinator started it said of \(Self.mostReissues) orders that it knows other jobs by their ids",
                now)
        }
        do throws(CoordinatorError) {
            // First: if that fails, the agent says so again.
            try beginEpoch("job id \(job) was given twice", "job \(job)", named: peer, now)
            guard let record = try store.reissue(job, at: now.wall) else { return }
            reissues[agent, default: 0] += 1
            logger.error(
                "a job id was given twice: its agent knows another job by it; the order goes on under a new id",
                metadata: ["job.id": "\(job)", "new.job.id": "\(record.trigger.job)", "agent": "\(agent)"])
            perform(machine.handle(.triggerReissued(job, as: record), at: now), now)
        } catch {
            logger.error(
                "a trigger could not be given another id", metadata: ["job.id": "\(job)", "error": "\(error)"])
        }
    }
}
