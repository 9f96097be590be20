/// When people are told. What is alike is told together: so many of it that come within a short time are one message.
package struct AlertRules: Hashable, Sendable {
    /// People are told once nobody more was hit for so long.
    package var quiet = Duration.seconds(300)
    /// …and at the latest so long after the first.
    package var longest = Duration.seconds(3_600)
    /// Who is hit later, and alike, is told with the next message, so long after the last one at the latest: a night in which a
    /// thousand fail alike over eight hours is one message, in its first hour, and one at its end if all are well within a day.
    /// Until then the alert itself names them (`bookend alerts show`), and so does the daily report.
    ///
    /// Not of what is urgent, and not of the whole fleet: those who fall silent one after the other need not have one cause.
    package var growthAlike = Duration.seconds(24 * 3_600)
    /// Who is hit later in another way, or for people who were not told yet, is told together, so long after the last message.
    package var growth = Duration.seconds(4 * 3_600)
    /// …and, as long as ever more are hit, at the latest after so many times as long.
    package var longestGrowth = 2
    /// The same for what is urgent: a service may be down.
    package var urgentGrowth = Duration.seconds(600)
    /// After people were first told of something critical; each only once.
    package var reminders = [Duration.seconds(24 * 3_600), .seconds(72 * 3_600)]
    /// A running job is overdue after so long.
    package var overdueAfter = Duration.seconds(24 * 3_600)
    /// …and after so many times as long as it usually takes.
    package var overdueFactor = 3
    /// …but never before it ran for so long.
    package var overdueFloor = Duration.seconds(1_800)
    /// An enrolled agent counts as offline after so long; `nil`: nobody is told.
    package var offlineAfter: Duration? = .seconds(1_800)

    package init() {}
}

/// One message that people get about an alert.
package struct AlertNotice: Hashable, Sendable {
    package enum Occasion: String, Hashable, Sendable, CaseIterable {
        case raised
        /// More are hit.
        case grown
        case reminder
        case resolved
        /// Somebody asked for it, to see whether it arrives.
        case test
    }

    package var occasion: Occasion
    /// As it is now.
    package var alert: Alert
    /// Whom people are told of for the first time.
    package var news: [AlertSubject.Key]
    package var at: UnixTime

    package init(occasion: Occasion, alert: Alert, news: [AlertSubject.Key] = [], at: UnixTime) {
        self.occasion = occasion
        self.alert = alert
        self.news = news
        self.at = at
    }

    /// Of this alert, from 1 on.
    package var number: Int { alert.notices }
}
