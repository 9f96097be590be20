/// What people must be told, by its cause.
package enum AlertKind: String, Hashable, Sendable, CaseIterable {
    // Judged by the agent, and carried by its reports

    case preScriptFailed = "pre-script-failed"
    case postScriptFailed = "post-script-failed"
    /// The pre-script ran and there is no post-script: what it stopped stays stopped. Critical, at once.
    case postScriptMissing = "post-script-missing"
    case backupFailed = "backup-failed"
    case backupWithErrors = "backup-with-errors"
    /// An owed post-script could not be run. Critical, at once.
    case debtUnpaid = "debt-unpaid"

    // Judged by the collector

    /// The backup failed because of its repository: locked, missing, or with other credentials.
    case repositoryTrouble = "repository-trouble"
    /// A job never started in its window.
    case missed
    /// An agent fell silent in the middle of a job.
    case agentLost = "agent-lost"
    /// An agent's clock differs from the coordinator's by over a minute.
    case clockSkew = "clock-skew"
    /// Two live agents use one key.
    case agentCloned = "agent-cloned"
    /// An agent that is enrolled is not heard.
    case agentOffline = "agent-offline"
    /// No good backup of a server within its objective.
    case objectiveBroken = "objective-broken"
    /// A job runs for over a day, or for three times as long as it usually does.
    case overdue
    /// A script is missing, unsafe, or not the one that its policy pins.
    case scriptDrift = "script-drift"
    /// An agent can record nothing, its disk being full: nothing new begins there.
    case journalBroken = "journal-broken"
}

package enum AlertSeverity: String, Hashable, Sendable, CaseIterable, Comparable {
    case info
    case warning
    case critical

    package static func < (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.info, .warning), (.info, .critical), (.warning, .critical): true
        default: false
        }
    }
}

extension AlertKind {
    package var severity: AlertSeverity {
        switch self {
        case .postScriptFailed, .postScriptMissing, .backupFailed, .debtUnpaid, .repositoryTrouble, .missed, .agentLost,
            .objectiveBroken, .agentCloned, .journalBroken:
            .critical
        case .preScriptFailed, .backupWithErrors, .agentOffline, .clockSkew, .overdue, .scriptDrift: .warning
        }
    }

    /// Nobody waits for others that may be hit alike: something is stopped that should run.
    package var isUrgent: Bool { self == .postScriptMissing || self == .debtUnpaid }

    /// Carried by reports; of another one the collector alone judges.
    package var isJudgedByAgent: Bool {
        switch self {
        case .preScriptFailed, .postScriptFailed, .postScriptMissing, .backupFailed, .backupWithErrors, .debtUnpaid:
            true
        case .repositoryTrouble, .missed, .agentLost, .agentOffline, .objectiveBroken, .overdue, .scriptDrift,
            .clockSkew, .agentCloned, .journalBroken:
            false
        }
    }

    /// One cause for the whole fleet, and not one for each policy.
    package var isOfFleet: Bool {
        [.agentLost, .agentOffline, .clockSkew, .agentCloned, .journalBroken].contains(self)
    }

    /// Those who are hit alike later, in the same night, are no news for whoever was told of the first.
    package var isToldOnceForAll: Bool { !isUrgent && !isOfFleet }

    /// Each job is mended by itself, and not by a later one.
    package var isOfJob: Bool { self == .debtUnpaid }

    /// What happened, for people: the beginning of a subject line.
    package var title: String {
        switch self {
        case .preScriptFailed: "pre-script failed"
        case .postScriptFailed: "post-script failed"
        case .postScriptMissing: "post-script missing"
        case .backupFailed: "backup failed"
        case .backupWithErrors: "backup with errors"
        case .debtUnpaid: "owed post-script could not be run"
        case .repositoryTrouble: "repository trouble"
        case .missed: "backup missed"
        case .agentLost: "agent lost in a job"
        case .agentOffline: "agent offline"
        case .clockSkew: "clock wrong"
        case .agentCloned: "agent cloned"
        case .objectiveBroken: "no good backup in time"
        case .overdue: "job overdue"
        case .scriptDrift: "script is not what it should be"
        case .journalBroken: "agent can record nothing"
        }
    }

    /// What to do about it, in a sentence for people.
    package var advice: String {
        switch self {
        case .preScriptFailed, .postScriptFailed: "Read what the script printed: bookend logs JOB"
        case .postScriptMissing:
            "What the pre-script stopped is still stopped. Put post_script.sh in its place, then: bookend job pay JOB"
        case .debtUnpaid:
            "What the pre-script stopped is still stopped. Put the script right, then: bookend job pay JOB"
        case .backupFailed: "Why: bookend job JOB. Once it is put right: bookend backup POLICY --agent AGENT"
        case .backupWithErrors: "There is a snapshot, and it lacks something: bookend job JOB"
        case .repositoryTrouble: "See to the repository and its password: bookend job JOB says what the engine said"
        case .missed: "Was the server off, or its queue too long? bookend agents, bookend jobs --agent AGENT"
        case .agentLost: "See to the server: what the pre-script stopped may still be stopped"
        case .clockSkew: "See to the server's time synchronization: a schedule is only as right as the clocks"
        case .agentCloned: "Stop one of the two, and enroll it under a name of its own: their reports are mixed up"
        case .agentOffline: "See to the server and its bookend-agent: bookend agents"
        case .objectiveBroken: "Make a backup now: bookend backup POLICY --agent AGENT"
        case .overdue: "See what it does: bookend job JOB; bookend cancel JOB ends it"
        case .scriptDrift: "Put the script right before the window: bookend drift --agent AGENT"
        case .journalBroken: "Make room on the disk of the agent's state directory: nothing begins there until there is"
        }
    }
}
