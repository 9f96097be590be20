/// A cron expression of five fields: minute, hour, day of the month, month, day of the week.
///
/// As Vixie's cron: lists, ranges, steps, names of months and days, `@daily` and its like. When both day fields are restricted a
/// day matches if either does; a field that begins with `*` is not restricted, whatever its step.
package struct CronExpression: Hashable, Sendable {
    private var minutes: [Int]
    private var hours: [Int]
    private var daysOfMonth: Set<Int>
    private var months: Set<Int>
    private var weekdays: Set<Int>
    private var eitherDay: Bool

    /// It can never start: the 30th of February.
    package var isImpossible: Bool {
        let lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let hasDate = months.contains { month in daysOfMonth.contains { $0 <= lengths[month - 1] } }
        return !hasDate && !eitherDay
    }

    /// Why a text is no cron expression; names the field and what it may hold.
    package struct Problem: Error, Hashable, Sendable {
        package var message: String
    }

    package init(_ text: String) throws(Problem) {
        let short = [
            "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
            "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
        ]
        let fields = (short[text.lowercased()] ?? text).split { $0 == " " || $0 == "\t" }.map { $0.lowercased() }
        guard fields.count == 5 else {
            throw Problem(message: "has \(fields.count) fields; write five (minute hour day month weekday) or @daily")
        }
        minutes = try Self.values(fields[0], of: "minute", in: 0...59).sorted()
        hours = try Self.values(fields[1], of: "hour", in: 0...23).sorted()
        daysOfMonth = try Self.values(fields[2], of: "day of the month", in: 1...31)
        months = try Self.values(fields[3], of: "month", in: 1...12, names: Self.monthNames)
        weekdays = Set(
            try Self.values(fields[4], of: "day of the week", in: 0...7, names: Self.dayNames).map { $0 % 7 })
        eitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    }

    /// The civil times of one day at which it starts, in order.
    package func times(on day: CivilDay) -> [CivilTime] {
        let (_, month, dayOfMonth) = day.date
        guard months.contains(month) else { return [] }
        let byDate = daysOfMonth.contains(dayOfMonth)
        let byWeekday = weekdays.contains(day.weekday)
        guard eitherDay ? byDate || byWeekday : byDate && byWeekday else { return [] }
        return hours.flatMap { hour in minutes.map { day.at(hour: hour, minute: $0) } }
    }

    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    private static func values(
        _ text: String, of field: String, in range: ClosedRange<Int>, names: [String] = []
    ) throws(Problem) -> Set<Int> {
        func problem() -> Problem {
            Problem(
                message:
                    "\(field) '\(text)' is not a list of values, ranges or steps from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        func number(_ text: Substring) throws(Problem) -> Int {
            if let place = names.firstIndex(of: String(text)) { return place + (names.count == 12 ? 1 : 0) }
            guard text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text), range.contains(value) else {
                throw problem()
            }
            return value
        }
        var found: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let ends = halves[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            var low = range.lowerBound
            var high = range.upperBound
            if halves[0] != "*" {
                low = try number(ends[0])
                high = ends.count == 2 ? try number(ends[1]) : low
                guard ends.count == 2 || halves.count == 1 else { throw problem() }
            }
            var step = 1
            if halves.count == 2 {
                guard let value = Int(halves[1]), value > 0 else { throw problem() }
                step = value
            }
            guard low <= high else { throw problem() }
            found.formUnion(stride(from: low, through: high, by: step))
        }
        return found
    }
}
