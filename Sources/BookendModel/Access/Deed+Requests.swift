extension ControlRequest {
    package var deed: Deed {
        switch self {
        case .applyPolicies(_, dryRun: true): .policyCompare
        case .applyPolicies(_, dryRun: false): .policyApply
        case .listPolicies: .policyList
        case .showPolicy: .policyShow
        case .deletePolicy: .policyDelete
        case .backup: .backupOrder
        case .rehearse: .rehearsalOrder
        case .cancel: .jobCancel
        case .listAgents: .agentList
        case .listSlots: .slotList
        case .listStarts: .scheduleShow
        case .readDrift: .driftRead
        case .makeHold(let draft): if case .policy = draft.target { .policyPause } else { .agentMaintain }
        case .releaseHold(let target): if case .policy = target { .policyResume } else { .agentMaintain }
        case .listHolds: .holdList
        case .ask(_, let request): request.deed
        case .askCredit, .askClose: .askContinue
        case .listPeers: .peerList
        case .labelPeer: .peerLabel
        case .renamePeer: .peerRename
        case .approvePeer: .peerApprove
        case .revokePeer: .peerRevoke
        case .rotateKey: .peerRotate
        case .rotateOwnKey: .keyRotate
        case .serverKey(.show): .serverKeyShow
        case .serverKey(.prepare), .serverKey(.use): .serverKeyRotate
        case .listTokens: .tokenList
        case .createToken: .tokenCreate
        case .revokeToken: .tokenRevoke
        case .readAudit: .auditRead
        }
    }

    /// What it is about, for the audit log; empty: nothing by itself.
    package var target: String {
        switch self {
        case .applyPolicies(let policies, _):
            policies.prefix(3).map { "policy \($0.name)" }.joined(separator: ", ")
                + (policies.count > 3 ? " and \(policies.count - 3) more" : "")
        case .showPolicy(let name, _), .deletePolicy(let name): "policy \(name)"
        case .backup(let order): "policy \(order.policy)"
        case .rehearse(let order):
            "policy \(order.policy), agent \(order.agent)" + (order.fault.map { ", \($0)" } ?? "")
        case .cancel(let job): "job \(job)"
        case .makeHold(let draft): draft.target.description
        case .releaseHold(let target): target.description
        case .ask(let agent, let request):
            request.target.isEmpty ? "agent \(agent)" : "agent \(agent): \(request.target)"
        case .labelPeer(let identity, _, _), .renamePeer(let identity, _), .approvePeer(let identity),
            .revokePeer(let identity):
            "\(identity)"
        case .rotateKey(let agent): "\(PeerIdentity(role: .agent, name: agent.rawValue))"
        case .serverKey(.prepare), .serverKey(.use): "coordinator"
        case .revokeToken(let token): "token \(token.rawValue)"
        case .listPolicies, .listAgents, .listSlots, .listStarts, .readDrift, .listHolds, .askCredit, .askClose,
            .listPeers,
            .createToken, .listTokens, .readAudit, .rotateOwnKey, .serverKey(.show):
            ""
        }
    }
}

extension AskRequest {
    package var deed: Deed {
        switch self {
        case .logs: .jobLogs
        case .snapshots: .snapshotList
        case .restore: .restoreOrder
        case .debts: .debtList
        case .payDebts: .debtPay
        case .forgiveDebts: .debtForgive
        case .makeKey, .useKey: .peerRotate
        }
    }

    fileprivate var target: String {
        switch self {
        case .logs(let job, _, _, _), .payDebts(let job, _), .forgiveDebts(let job, _, _, _): "job \(job)"
        case .restore(let repository, let snapshot, let target, _):
            "snapshot \(snapshot) of \(repository) into \(target)"
        case .snapshots(let repository, _): "repository \(repository)"
        case .debts, .makeKey, .useKey: ""
        }
    }
}

extension Query {
    package var deed: Deed {
        switch self {
        case .jobs, .job: .jobRead
        case .fleet, .backupAges: .fleetRead
        case .feed, .feedHead: .feedRead
        case .auditAnchors: .auditRead
        case .alerts, .alert, .silences: .alertRead
        case .acknowledgeAlert: .alertAcknowledge
        case .resolveAlert: .alertResolve
        case .silenceAlerts, .endSilence: .alertSilence
        case .testChannels: .channelTest
        case .serverKey(.show): .serverKeyShow
        case .serverKey(.prepare), .serverKey(.use): .serverKeyRotate
        case .messages: .alertRead
        case .resendMessages: .messageResend
        case .discardMessages: .messageDiscard
        }
    }
}
