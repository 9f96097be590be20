import BookendCollector
import BookendModel

extension SimulatedReportStore: AlertStore {
    private func write<T>(_ what: String, _ body: () throws(CollectorError) -> T) throws(CollectorError) -> T {
        try transactions.write("collector: " + what, { CollectorError(.store, $0) }, body)
    }

    private func read<T>(_ body: () throws(CollectorError) -> T) throws(CollectorError) -> T {
        try transactions.read({ CollectorError(.store, $0) }, body)
    }

    func alertState() throws(CollectorError) -> AlertState {
        try read { () throws(CollectorError) in store.alertState() }
    }

    func unjudged(limit: Int) throws(CollectorError) -> (entries: [UnjudgedEntry], through: Int64) {
        try read { () throws(CollectorError) in store.unjudged(limit: limit) }
    }

    func record(
        _ changes: AlertBook.Changes, judgedThrough: Int64, messages: [OutgoingMessage], actions: [CollectorAction]
    ) throws(CollectorError) -> Int {
        try write("alerts") { () throws(CollectorError) in
            store.record(changes, judgedThrough: judgedThrough, messages: messages, actions: actions)
        }
    }

    func note(_ action: CollectorAction) throws(CollectorError) {
        try write("action") { () throws(CollectorError) in store.note(action) }
    }

    func actions(limit: Int) throws(CollectorError) -> (actions: [CollectorAction], through: Int64) {
        try read { () throws(CollectorError) in store.actions(limit: limit) }
    }

    func forgetActions(through number: Int64) throws(CollectorError) {
        try write("actions") { () throws(CollectorError) in store.forgetActions(through: number) }
    }

    func alerts(_ filter: AlertFilter) throws(CollectorError) -> [Alert] {
        try read { () throws(CollectorError) in store.alerts(filter) }
    }

    func alert(_ id: Int64) throws(CollectorError) -> Alert? {
        try read { () throws(CollectorError) in store.alert(id) }
    }

    func takeOutgoing(to channel: String, at now: UnixTime) throws(CollectorError) -> OutgoingMessage? {
        try write("message") { () throws(CollectorError) in store.takeOutgoing(to: channel, at: now) }
    }

    func removeOutgoing(_ id: Int64) throws(CollectorError) {
        try write("message") { () throws(CollectorError) in store.removeOutgoing(id) }
    }

    func postponeOutgoing(
        _ id: Int64, until time: UnixTime?, refusal: String?, recipients: [String]?, at now: UnixTime
    ) throws(CollectorError) {
        try write("message") { () throws(CollectorError) in
            store.postponeOutgoing(id, until: time, refusal: refusal, recipients: recipients, at: now)
        }
    }

    func outgoingQueues() throws(CollectorError) -> [String: OutgoingQueue] {
        try read { () throws(CollectorError) in store.outgoingQueues() }
    }

    func outgoing(
        of channel: String?, limit: Int
    ) throws(CollectorError) -> (messages: [OutgoingMessage], total: Int) {
        try read { () throws(CollectorError) in store.outgoing(of: channel, limit: limit) }
    }

    func resendOutgoing(_ choice: OutgoingChoice, at now: UnixTime) throws(CollectorError) -> Int {
        try write("messages") { () throws(CollectorError) in store.resendOutgoing(choice, at: now) }
    }

    func discardOutgoing(_ choice: OutgoingChoice) throws(CollectorError) -> [OutgoingMessage] {
        try write("messages") { () throws(CollectorError) in store.discardOutgoing(choice) }
    }

    func reportMark(_ channel: String) throws(CollectorError) -> UnixTime? {
        try read { () throws(CollectorError) in store.reportMark(channel) }
    }

    func markReport(
        _ channel: String, until time: UnixTime, message: OutgoingMessage?
    ) throws(CollectorError) {
        try write("daily report") { () throws(CollectorError) in
            store.markReport(channel, until: time, message: message)
        }
    }

    func objectives() throws(CollectorError) -> PolicyObjectives? {
        try read { () throws(CollectorError) in store.objectives() }
    }

    func backupAges(jobsSince time: UnixTime) throws(CollectorError) -> [BackupAge] {
        try read { () throws(CollectorError) in store.backupAges(jobsSince: time) }
    }

    func pruneAlerts(resolvedBefore time: UnixTime, limit: Int) throws(CollectorError) -> Bool {
        try write("pruning") { () throws(CollectorError) in store.pruneAlerts(resolvedBefore: time, limit: limit) }
    }
}
