package import BookendModel
import Synchronization

extension InMemoryPolicyStore {
    package func record(_ hold: Hold, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        contents.withLock { contents in
            contents.holds[hold.target] = hold
            contents.append(audit, at: now)
        }
    }

    package func release(_ target: Hold.Target, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        contents.withLock { contents in
            contents.holds[target] = nil
            contents.append(audit, at: now)
        }
    }
}
