import ArgumentParser
import BookendModel

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "What became of the backups, by policy, label and agent.",
        discussion: """
            Counts the jobs whose scheduled start lies in the time; servers without a good
            backup within the objective of their policy (or, without one, in this time)
            stand first. Durations are of whole jobs (median and 95th of a hundred), and
            the longest time between a pre-script's end and its post-script's start, in
            which a service may have been down.

            Examples:
              bookend report
              bookend report --since 7d --policy nightly-web
              bookend report --output html > report.html
              bookend report --since 30d --output csv | column -t -s,

            Exit status 0 also when jobs have failed.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, yaml, csv, html, markdown }

    @Option(help: ArgumentHelp("From when on: a time in UTC, or how long ago.", valueName: "time"))
    var since: TimeArgument?
    @Option(help: "Only this policy.")
    var policy: PolicyName?
    @Option(help: ArgumentHelp("Only agents with this label.", valueName: "key=value"))
    var label: LabelArgument?
    // As with all other data, and with the name that it had first.
    @Option(
        name: [.customLong("output"), .short, .customLong("format")],
        help: ArgumentHelp("How it is written.", valueName: "format"))
    var output = Format.table
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let fleet = try FleetClient(connection)
        let collector = try await fleet.collector()
        let now = UnixTime.now
        var filter = JobFilter()
        filter.policy = policy
        filter.since = since?.time(before: now) ?? UnixTime(milliseconds: now.milliseconds - 86_400_000)
        var jobs = try await collector.jobs(filter, limit: .max).filter { $0.scheduledStart <= now }
        var labels: [AgentID: [String: String]] = [:]
        do throws(CLIError) {
            labels = try await Dictionary(
                fleet.coordinator().agents().map { ($0.id, $0.labels) }, uniquingKeysWith: { $1 })
        } catch {
            guard label == nil else { throw error }
            Output.note("labels are not known: \(error.message)")
        }
        if let label { jobs = jobs.filter { labels[$0.agent]?[label.key] == label.value } }
        let month = UnixTime(milliseconds: now.milliseconds - 30 * 86_400_000)
        guard case .backupAges(var ages) = try await collector.query(.backupAges(since: month)) else {
            throw collector.unexpected()
        }
        ages.removeAll { age in
            policy != nil && policy != age.policy || label.map { labels[age.agent]?[$0.key] != $0.value } ?? false
        }
        let report = FleetReport(
            jobs, since: filter.since ?? now, until: now, labels: labels, ages: ages)
        switch output {
        case .table: Output.write(report.lines(.current).joined(separator: "\n"))
        case .json: Output.write(report.document.json)
        case .yaml: Output.write(report.document.yaml)
        case .csv: Output.write(report.csv)
        case .html: Output.write(report.html)
        case .markdown: Output.write(report.markdown)
        }
    }
}
