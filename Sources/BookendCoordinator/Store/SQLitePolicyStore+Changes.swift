import BookendModel
import GRDB

extension SQLitePolicyStore {
    package func passOverChanges() throws(CoordinatorError) {
        try write { database in
            let last = try Self.counter("change", database)
            // By chance: two runs that began with one state do not give the same numbers.
            let next = last + Int64.random(in: 1 << 20...1 << 40)
            try Self.set("change", next, database)
            // Up to the next one collectors are told.
            try database.execute(
                sql: "INSERT INTO changes_passed_over (first, last) VALUES (?, ?)", arguments: [last + 1, next - 1])
            try database.execute(
                sql: """
                    DELETE FROM changes_passed_over WHERE first <=
                        (SELECT first FROM changes_passed_over ORDER BY first DESC LIMIT 1 OFFSET ?)
                    """, arguments: [PassedOver.limit])
        }
    }

    package func isPassedOver(_ change: Int64) throws(CoordinatorError) -> Bool {
        try write { database in
            let last = try Int64.fetchOne(
                database.cachedStatement(
                    sql: "SELECT last FROM changes_passed_over WHERE first <= ? ORDER BY first DESC LIMIT 1"),
                arguments: [change])
            return last.map { change <= $0 } ?? false
        }
    }

    package func changes(
        after change: Int64, limit: Int
    ) throws(CoordinatorError) -> TriggerChanges {
        try write { database in
            let last = try Self.counter("change", database)
            let start = change > last ? 0 : change
            guard start < last else { return TriggerChanges(records: [], through: last, isComplete: true) }
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: "SELECT * FROM triggers WHERE change > ? ORDER BY change LIMIT ?"),
                arguments: [start, limit + 1])
            let page = rows.prefix(limit)
            let isComplete = rows.count <= limit
            return TriggerChanges(
                records: try page.map(TriggerRecord.init(row:)),
                through: isComplete ? last : try page.last?.decode(forColumn: "change") ?? last, isComplete: isComplete)
        }
    }
}
