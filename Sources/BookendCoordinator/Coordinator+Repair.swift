import BookendModel
import Logging

// What the coordinator mends when state went back in time: its own, or an agent's.
extension Coordinator {
    /// Ids that a restored coordinator leaves out above the highest that it hears of: others may know higher ones, and say
    /// so later.
    private static let gap: Int64 = 1_000
    /// An agent that makes up a number must not use up all of them.
    private static let believable: Int64 = 1_000_000

    /// Somebody knows this job id and this generation: if they were never given here, this store is a copy of an earlier
    /// one.
    func goAbove(_ job: JobID, _ generation: Int64, _ now: Moment) {
        do throws(CoordinatorError) {
            let highest = try store.highestJob()
            guard job > highest || generation > 0 else { return }
            let isBelievable = generation == 0 || generation < machine.policies.generation
            guard job.rawValue - highest.rawValue <= Self.believable, isBelievable else {
                return logger.error(
                    "an agent names a job id or a generation that cannot be: its journal is not this fleet's",
                    metadata: ["job.id": "\(job)", "highest": "\(highest)", "generation": "\(generation)"])
            }
            let next = job > highest ? JobID(rawValue: job.rawValue + Self.gap) : highest
            let epoch = try store.goAbove(job: next, generation: machine.policies.generation)
            perform(machine.handle(.epochRenewed(epoch), at: now), now)
            logger.error(
                "state went back in time: others know more than this database; ids and generations go on above it",
                metadata: [
                    "job.id": "\(job)", "highest": "\(highest)", "generation": "\(machine.policies.generation)",
                ])
        } catch {
            logger.error("the counters could not be raised", metadata: ["error": "\(error)"])
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
            logger.error("an agent's jobs could not be compared", metadata: ["agent": "\(agent)", "error": "\(error)"])
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
