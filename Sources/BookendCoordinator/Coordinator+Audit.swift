import BookendModel
import Logging

// What is written into the audit log beside the changes that bring their own lines.
extension Coordinator {
    /// Lines that belong to no change of the store. They are no reason to fail for: what they tell of has happened.
    func audit(_ drafts: [AuditDraft], _ now: Moment) {
        do throws(CoordinatorError) {
            try store.append(drafts, at: now.wall)
        } catch {
            logger.error(
                "the audit log could not be written",
                metadata: [
                    "lines": "\(drafts.count)", "first": "\(drafts.first?.what ?? "")", "error": "\(error)",
                ])
        }
    }

    /// Before an agent is asked to do something, or for what only some may read, it is written down who wants it.
    ///
    /// - Throws: When it cannot be: then nothing is asked.
    func auditBeginning(of client: Client, _ now: Moment) throws(RemoteFailure) {
        guard client.deed.isAskAudited else { return }
        let draft = client.audit(client.deed == .jobLogs ? .done : .begun)
        try stored { () throws(CoordinatorError) in try store.append([draft], at: now.wall) }
    }

    /// The answer to an order that was begun, once.
    func auditAnswer(_ answer: AskAnswer, to id: UInt64, _ now: Moment) {
        guard let client = asks[id]?.client, client.deed.hasOutcome else { return }
        let draft: AuditDraft
        switch answer {
        case .restored(let summary):
            let isGood = !summary.status.isFailure
            draft = client.audit(
                isGood ? .done : .failed, "\(summary.status.rawValue) \(summary.status.name): \(summary.reason)")
        case .settled(let debts):
            let isGood = debts.allSatisfy(\.isSettled)
            draft = client.audit(
                isGood ? .done : .failed,
                debts.map { "attempt \($0.attempt): \($0.status.rawValue) \($0.status.name)" }.joined(separator: ", "))
        case .log, .snapshots, .debts, .key: return
        }
        if asks.noteOutcome(of: id) { audit([draft], now) }
    }

    /// An order that was begun ended without an answer.
    func auditFailure(of ask: AskRelay.Ask, _ reason: String, _ now: Moment) {
        guard ask.client.deed.hasOutcome, !ask.hasOutcome else { return }
        audit([ask.client.audit(.failed, reason)], now)
    }

    /// What a collector refused. It tells again what it did not see taken.
    func takeRefusals(_ request: RosterRequest, of collector: String, _ now: Moment) {
        guard request.refusalsThrough > refusalsTaken[collector] ?? 0 else { return }
        let known = request.refusalsThrough - (refusalsTaken[collector] ?? 0)
        refusalsTaken[collector] = request.refusalsThrough
        for refusal in request.refusals.suffix(Int(clamping: known)) { refuse(refusal, reporter: collector, now) }
    }
}

extension Coordinator {
    /// What people did at a collector. It tells again what it did not see written, also to a coordinator that died meanwhile:
    /// a line may come twice, and never not at all.
    ///
    /// - Returns: It is written.
    func takeActions(_ request: RosterRequest, of collector: String, _ now: Moment) -> Bool {
        guard request.actionsThrough > actionsTaken[collector] ?? 0 else { return true }
        let known = request.actionsThrough - (actionsTaken[collector] ?? 0)
        let drafts = request.actions.suffix(Int(clamping: known)).map { AuditDraft($0, toldBy: collector) }
        do throws(CoordinatorError) {
            try store.append(drafts, at: now.wall)
            actionsTaken[collector] = request.actionsThrough
            return true
        } catch {
            logger.error("what was done at a collector could not be written", metadata: ["error": "\(error)"])
            return false
        }
    }
}

extension Deed {
    /// Of what is asked of agents: what changes something there, and what holds secrets.
    fileprivate var isAskAudited: Bool { self == .jobLogs || hasOutcome }

    fileprivate var hasOutcome: Bool {
        switch self {
        case .restoreOrder, .debtPay, .debtForgive: true
        default: false
        }
    }
}
