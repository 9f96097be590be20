import BookendDaemon
import BookendModel
import BookendTransport
import Logging

// What the coordinator does because time passes.
extension Coordinator {
    func tick() {
        let now = clock.now
        planSlots(now)
        perform(machine.handle(.tick, at: now), now)
        for agent in pace.due(at: now.boot) { perform(machine.handle(.subscribed(agent), at: now), now) }
        if housekeeping.isDue(.keyFile, at: now.boot) { readKeys(now) }
        endNews(now)
        endRotations(now)
        tendGate(now)
        tellRefusals(now)
        if housekeeping.isDue(.memories, at: now.boot) { rememberAgents() }
        if housekeeping.isDue(.pruning, at: now.boot) { prune(now) }
        if housekeeping.isDue(.probing, at: now.boot) { probeAsks() }
        flush(now)
    }

    /// For signs of life.
    ///
    /// - Throws: When the store does not answer.
    func checkThatItWorks() throws(CoordinatorError) {
        _ = try store.highestJob()
    }

    /// Writes down what is only in memory. Nothing is taken in after this.
    func finish() {
        keeper.close()
        fail(asks.closeAll(), "the coordinator is stopping; ask again when it is back")
        tell(refusals.drain() + strangers.drain(), clock.now)
        rememberAgents()
        flush(clock.now)
    }

    /// Computes the jobs to come, when it is time to; each is recorded with its id before anyone is told.
    func planSlots(_ now: Moment, evenIfEarly: Bool = false) {
        if evenIfEarly { machine.outdateSlots() }
        guard let plan = machine.planSlots(zones: zones, at: now) else { return }
        do throws(CoordinatorError) {
            let records = try store.record(plan, at: now.wall)
            perform(machine.handle(.slotsRecorded(records, plannedAt: plan.plannedAt), at: now), now)
            guard !records.isEmpty else { return }
            logger.info(
                "jobs to come were planned",
                metadata: [
                    "new": "\(plan.new.count)", "changed": "\(plan.changed.count)",
                    "withdrawn": "\(plan.withdrawn.count)",
                ])
        } catch {
            logger.error("jobs to come could not be planned; it is tried again", metadata: ["error": "\(error)"])
        }
    }

    private func readKeys(_ now: Moment) {
        do throws(TransportError) {
            guard try keyFile.refresh() else { return }
            book.take(file: keyFile.peers)
            logger.notice("the key file was read again", metadata: ["agents": "\(book.agents.count)"])
            audit(
                [
                    AuditDraft(
                        who: "coordinator", origin: "", what: "keys.reload", target: keyFile.path, result: .done,
                        detail: "\(keyFile.peers.count) keys")
                ], now)
            admit(now)
        } catch {
            logger.error("the key file is wrong; what was read before still holds", metadata: ["error": "\(error)"])
        }
    }

    private func rememberAgents() {
        do throws(CoordinatorError) {
            try store.remember(machine.presence.memories(since: housekeeping.rememberedSince))
        } catch {
            logger.error("agents could not be remembered", metadata: ["error": "\(error)"])
        }
    }

    private func prune(_ now: Moment) {
        let oldest = now.wall + .seconds(-14 * 86_400)
        do throws(CoordinatorError) {
            let givenUp = try store.giveUp(before: oldest, at: now.wall)
            perform(machine.handle(.triggersGivenUp(givenUp), at: now), now)
            if !givenUp.isEmpty {
                logger.warning(
                    "triggers were given up: their agents did not come for them in 14 days",
                    metadata: ["triggers": "\(givenUp.count)"])
            }
            let removed = try store.prune(before: oldest)
            if removed > 0 { logger.info("old triggers were removed", metadata: ["triggers": "\(removed)"]) }
        } catch {
            logger.error("old triggers could not be removed", metadata: ["error": "\(error)"])
        }
        let tokens = book.prunableTokens(at: now.wall, limit: 1_000)
        guard !tokens.isEmpty else { return }
        do throws(CoordinatorError) {
            try store.forget(tokens)
            book.forget(tokens)
            logger.info("old tokens were removed", metadata: ["tokens": "\(tokens.count)"])
        } catch {
            logger.error("old tokens could not be removed", metadata: ["error": "\(error)"])
        }
    }
}
