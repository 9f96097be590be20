import BookendModel
import Synchronization

extension InMemoryPolicyStore {
    package func passOverChanges() throws(CoordinatorError) {
        contents.withLock { contents in
            contents.runs += 1
            let next = contents.change + contents.runs << 20
            contents.passedOver = contents.passedOver.suffix(PassedOver.limit - 1) + [contents.change + 1...next - 1]
            contents.change = next
        }
    }

    package func isPassedOver(_ change: Int64) throws(CoordinatorError) -> Bool {
        contents.withLock { $0.passedOver.contains { $0.contains(change) } }
    }

    package func changes(
        after change: Int64, limit: Int
    ) throws(CoordinatorError) -> TriggerChanges {
        contents.withLock { contents in
            let start = change > contents.change ? 0 : change
            let rows = contents.triggers.values.filter { $0.change > start }.sorted { $0.change < $1.change }
            let isComplete = rows.count <= limit
            return TriggerChanges(
                records: rows.prefix(limit).map(\.record),
                through: isComplete ? contents.change : rows.prefix(limit).last?.change ?? contents.change,
                isComplete: isComplete)
        }
    }
}
