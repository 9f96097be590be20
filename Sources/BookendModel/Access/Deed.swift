/// Everything that somebody can ask of the coordinator or the collector, by kind. Its text is what the audit log and a
/// refusal call it.
package enum Deed: String, Hashable, Sendable, CaseIterable {
    case policyCompare = "policy.compare"
    case policyApply = "policy.apply"
    case policyList = "policy.list"
    case policyShow = "policy.show"
    case policyDelete = "policy.delete"
    case backupOrder = "backup.order"
    case rehearsalOrder = "rehearsal.order"
    case jobCancel = "job.cancel"
    case jobLogs = "job.logs"
    case agentList = "agent.list"
    case slotList = "slot.list"
    case scheduleShow = "schedule.show"
    case driftRead = "drift.read"
    case policyPause = "policy.pause"
    case policyResume = "policy.resume"
    case agentMaintain = "agent.maintain"
    case holdList = "hold.list"
    case snapshotList = "snapshot.list"
    case restoreOrder = "restore.order"
    case debtList = "debt.list"
    case debtPay = "debt.pay"
    case debtForgive = "debt.forgive"
    case askContinue = "ask.continue"
    case peerList = "peer.list"
    case peerLabel = "peer.label"
    case peerRename = "peer.rename"
    case peerApprove = "peer.approve"
    case peerRevoke = "peer.revoke"
    case peerRotate = "peer.rotate"
    case keyRotate = "key.rotate"
    case serverKeyShow = "server-key.show"
    case serverKeyRotate = "server-key.rotate"
    case tokenList = "token.list"
    case tokenCreate = "token.create"
    case tokenRevoke = "token.revoke"
    case auditRead = "audit.read"
    case jobRead = "job.read"
    case fleetRead = "fleet.read"
    case feedRead = "feed.read"
    case alertRead = "alert.read"
    case alertAcknowledge = "alert.acknowledge"
    case alertResolve = "alert.resolve"
    case alertSilence = "alert.silence"
    case channelTest = "channel.test"
    case messageResend = "message.resend"
    case messageDiscard = "message.discard"
}

/// What a kind of request takes.
package struct DeedRule: Hashable, Sendable {
    /// The least standing that may do it.
    package let least: Standing
    /// After "may not": "cancel a job".
    package let phrase: String
}

extension Deed {
    /// The table of what each standing may do; there is no other.
    ///
    /// A viewer sees everything but what scripts print, since that may hold secrets. An operator runs what there is: jobs,
    /// restores, debts. An admin changes what there is: policies, and who may come in.
    package var rule: DeedRule {
        switch self {
        case .jobRead: DeedRule(least: .subscriber, phrase: "read jobs")
        case .fleetRead: DeedRule(least: .subscriber, phrase: "read the state of the fleet")
        case .feedRead: DeedRule(least: .subscriber, phrase: "read the feed")

        case .policyCompare: DeedRule(least: .viewer, phrase: "compare policies")
        case .policyList: DeedRule(least: .viewer, phrase: "list policies")
        case .policyShow: DeedRule(least: .viewer, phrase: "show a policy")
        case .agentList: DeedRule(least: .viewer, phrase: "list agents")
        case .slotList: DeedRule(least: .viewer, phrase: "list jobs to come")
        case .scheduleShow: DeedRule(least: .viewer, phrase: "show the schedule")
        case .driftRead: DeedRule(least: .viewer, phrase: "compare the fleet with its policies")
        case .snapshotList: DeedRule(least: .viewer, phrase: "list snapshots")
        case .debtList: DeedRule(least: .viewer, phrase: "list owed post-scripts")
        case .askContinue: DeedRule(least: .viewer, phrase: "go on with a question")
        // Who watches the log must be able to have the least of rights.
        case .auditRead: DeedRule(least: .viewer, phrase: "read the audit log")
        case .peerList: DeedRule(least: .viewer, phrase: "list who is enrolled")
        case .alertRead: DeedRule(least: .viewer, phrase: "read alerts")
        // One's own: nobody but its holder can ask for it.
        case .keyRotate: DeedRule(least: .viewer, phrase: "change its own key")
        case .serverKeyShow: DeedRule(least: .viewer, phrase: "see who knows a daemon's next key")

        case .holdList: DeedRule(least: .viewer, phrase: "list what is paused")
        case .policyPause: DeedRule(least: .operator, phrase: "pause a policy")
        case .policyResume: DeedRule(least: .operator, phrase: "resume a policy")
        case .agentMaintain: DeedRule(least: .operator, phrase: "begin or end an agent's maintenance")
        case .backupOrder: DeedRule(least: .operator, phrase: "order a backup")
        case .rehearsalOrder: DeedRule(least: .operator, phrase: "rehearse a policy's scripts")
        case .jobCancel: DeedRule(least: .operator, phrase: "cancel a job")
        case .jobLogs: DeedRule(least: .operator, phrase: "read what scripts printed")
        case .restoreOrder: DeedRule(least: .operator, phrase: "restore")
        case .debtPay: DeedRule(least: .operator, phrase: "pay an owed post-script")
        case .debtForgive: DeedRule(least: .operator, phrase: "forgive an owed post-script")
        case .alertAcknowledge: DeedRule(least: .operator, phrase: "acknowledge an alert")
        case .alertResolve: DeedRule(least: .operator, phrase: "resolve an alert")
        case .alertSilence: DeedRule(least: .operator, phrase: "silence alerts")
        case .channelTest: DeedRule(least: .operator, phrase: "test a channel")
        case .messageResend: DeedRule(least: .operator, phrase: "send a message again")
        case .messageDiscard: DeedRule(least: .operator, phrase: "discard a message")

        case .policyApply: DeedRule(least: .admin, phrase: "apply policies")
        case .policyDelete: DeedRule(least: .admin, phrase: "delete a policy")
        case .peerLabel: DeedRule(least: .admin, phrase: "change labels")
        case .peerRename: DeedRule(least: .admin, phrase: "rename an agent")
        case .peerApprove: DeedRule(least: .admin, phrase: "approve an enrollment")
        case .peerRevoke: DeedRule(least: .admin, phrase: "revoke a key")
        case .peerRotate: DeedRule(least: .admin, phrase: "have an agent change its key")
        case .serverKeyRotate: DeedRule(least: .admin, phrase: "change a daemon's key")
        case .tokenList: DeedRule(least: .admin, phrase: "list tokens")
        case .tokenCreate: DeedRule(least: .admin, phrase: "make a token")
        case .tokenRevoke: DeedRule(least: .admin, phrase: "revoke a token")
        }
    }

    package func isAllowed(as standing: Standing) -> Bool { standing >= rule.least }

    /// What somebody is told who may not: the role that it takes.
    ///
    /// - Parameter name: Whoever asked, such as `operator/bob`.
    package func refusal(of name: String, as standing: Standing) -> RemoteFailure {
        let isPerson = standing >= .viewer
        let text = "\(name)\(isPerson ? ", a \(standing.rawValue)," : "") may not \(rule.phrase) (\(rawValue)): "
        let remedy =
            switch rule.least {
            case .nobody, .subscriber: "that takes a key that is enrolled as operator/NAME or subscriber/NAME"
            case .viewer: "that takes a key that is enrolled as operator/NAME"
            case .operator, .admin: "that takes an operator's key with the role \(rule.least.rawValue)"
            }
        return RemoteFailure(.refused, text + remedy)
    }
}
