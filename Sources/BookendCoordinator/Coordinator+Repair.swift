import BookendModel
import Logging

// What the coordinator mends when state went back in time: its own, or an agent's.
extension Coordinator {
    /// Somebody knows this job id and this generation: if they were never given here, this store is a copy of an earlier
    /// one, or he makes them up.
    ///
    /// The epoch is renewed with the first of them. Whoever comes later comes to that epoch with what he has from before it,
    /// so he is told everything anew all the same.
    func goAbove(_ job: JobID, _ generation: Int64, named peer: PeerIdentity, _ now: Moment) {
        do throws(CoordinatorError) {
            let highest = try store.highestJob()
            guard job > highest || generation > 0 else { return }
            // The machine has gone above the generation, if it believes it.
            guard lostJobs.isBelievable(job.rawValue), generation < max(1, machine.policies.generation) else {
                return refuse(
                    Refusal(
                        who: peer.description, origin: "", what: "numbers.raise", target: "job \(job)",
                        reason:
                            "a job id (highest: \(highest)) or a generation (\(generation)) that cannot be: it is not of "
                            + "this fleet, or made up"), now)
            }
            let next = job > highest ? lostJobs.goAbove(job.rawValue).map { JobID(rawValue: $0) } ?? highest : highest
            let epoch = try store.goAbove(
                job: next, generation: machine.policies.generation, renewingEpoch: !isEpochFresh)
            isEpochFresh = true
            if epoch != machine.epoch { perform(machine.handle(.epochRenewed(epoch), at: now), now) }
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

    /// An id was given twice: the order goes on under another one.
    func reissue(_ job: JobID, _ now: Moment) {
        do throws(CoordinatorError) {
            guard let record = try store.reissue(job, at: now.wall) else { return }
            logger.error(
                "a job id was given twice: its agent knows another job by it; the order goes on under a new id",
                metadata: [
                    "job.id": "\(job)", "new.job.id": "\(record.trigger.job)", "agent": "\(record.trigger.agent)",
                ])
            perform(machine.handle(.triggerReissued(job, as: record), at: now), now)
        } catch {
            logger.error(
                "a trigger could not be given another id", metadata: ["job.id": "\(job)", "error": "\(error)"])
        }
    }
}
