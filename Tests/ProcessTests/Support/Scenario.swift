import BookendModel
import Foundation
import Glibc
import Testing

/// One policy with its scripts on one agent, and what became of its jobs.
struct Scenario: Sendable {
    enum Engine: Sendable {
        /// A script with this body is the engine; it writes the ledger as the others do.
        case command(String)
        case restic(repository: String = "main", sources: [String] = [])
    }

    let fleet: RealFleet
    let site: AgentSite
    let policy: String
    let ledger: Ledger

    var directory: String { ledger.directory }

    /// Applies a policy for one agent of the shared fleet, which no other test uses meanwhile.
    ///
    /// - Parameters:
    ///   - pre: The body of the pre-script; nil: there is none.
    ///   - post: The body of the post-script; nil: there is none.
    ///   - scripts: More keys of the policy's `scripts`, or nil: scripts are not enabled.
    ///   - more: More keys of the policy.
    ///   - agent: The agent's id; nil: one of the pool.
    static func with(
        pre: String? = "", post: String? = "", backup: Engine = .command(""), scripts: String? = "",
        more: String = "", agent: String? = nil, _ body: (Scenario) async throws -> Void
    ) async throws {
        let fleet = try OneFleet.fleet
        func run(_ site: AgentSite) async throws {
            let scenario = try await Scenario(
                fleet: fleet, site: site, pre: pre, post: post, backup: backup, scripts: scripts, more: more)
            try await body(scenario)
        }
        if let agent {
            try await run(fleet.layout.sites.first { $0.id == agent }!)
        } else {
            try await fleet.pool.with { try await run($0) }
        }
    }

    init(
        fleet: RealFleet, site: AgentSite, pre: String? = "", post: String? = "", backup: Engine = .command(""),
        scripts: String? = "", more: String = ""
    ) async throws {
        self.fleet = fleet
        self.site = site
        policy = "p\(fleet.nextScenario())"
        ledger = Ledger(directory: "\(site.scripts)/\(policy)")
        try FileManager.default.createDirectory(
            atPath: ledger.directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        if let pre { try write("pre", pre) }
        if let post { try write("post", post) }
        try await apply(backup: backup, scripts: scripts, more: more)
    }

    func apply(backup: Engine = .command(""), scripts: String? = "", more: String = "") async throws {
        var lines = ["policy: \(policy)", "agents: {ids: [\(site.id)]}"]
        switch backup {
        case .command(let body):
            try fleet.layout.write(
                Ledger.script("backup", in: directory, job: "$BOOKEND_JOB_ID", body: body),
                to: directory + "/backup.sh", mode: 0o755)
            lines.append(
                "backup: {engine: command, program: \(site.engine), arguments: [\(directory)/backup.sh]}")
        case .restic(let repository, let sources):
            let all = [site.source] + sources
            lines.append("backup: {repository: \(repository), sources: [\(all.joined(separator: ", "))]}")
        }
        if let scripts {
            lines.append("scripts: {directory: \(directory)\(scripts.isEmpty ? "" : ", " + scripts)}")
        }
        lines.append(more)
        let file = "\(fleet.layout.directory)/\(policy).yaml"
        try fleet.layout.write(lines.joined(separator: "\n") + "\n", to: file)
        let end = try await fleet.bookend("policy", "apply", file)
        try #require(end.status == 0, "bookend policy apply: \(end.errors)\(end.output)")
    }

    /// Writes one of the two scripts: `pre` or `post`.
    func write(_ stage: String, _ body: String) throws {
        try fleet.layout.write(
            Ledger.script(stage, in: directory, job: "$1", body: body), to: directory + "/\(stage)_script.sh",
            mode: 0o755)
    }

    /// Lets scripts that wait with `open NAME` go on.
    func open(_ name: String) throws {
        try fleet.layout.write("", to: directory + "/" + name)
    }

    // MARK: Jobs

    /// Orders a backup; returns its job.
    func order(_ words: String...) async throws -> Int64 { try await order(words) }

    /// Orders a backup and awaits its end on the feed.
    func run(_ words: String...) async throws -> Int64 {
        let job = try await order(words)
        try await ended(job)
        return job
    }

    private func order(_ words: [String]) async throws -> Int64 {
        let end = try await Program.run(
            "bookend", ["backup", policy, "--output", "json"] + words, environment: fleet.environment)
        // Offline agents make it 1: there is a job all the same.
        guard end.status < 2 else {
            throw Missed(description: "bookend backup ended with \(end.status): \(end.errors)")
        }
        return try #require(try JSON(parsing: end.output).all("job_id").compactMap(\.int).first)
    }

    func ended(_ job: Int64, patience: Duration = .seconds(120)) async throws {
        _ = try await fleet.feed.first("the end of job \(job)", patience: patience) { $0.job == job && $0.endsJob }
    }

    /// Awaits that a stage, or the job (nil), reaches a status.
    func reached(_ stage: String?, _ status: Int64, _ job: Int64, attempt: Int64? = nil) async throws {
        _ = try await fleet.feed.first("job \(job), \(stage ?? "job"), \(status)") {
            $0.job == job && $0.stage == stage && $0.status == status && (attempt == nil || $0.attempt == attempt)
        }
    }

    /// Holds that the job ended so: at the collector, on the feed, and in what people read.
    ///
    /// - Parameter attempts: The integers of each attempt, in order.
    @discardableResult
    func expect(
        _ job: Int64, is status: Int64, _ attempts: Integers..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JobView {
        let view = try await fleet.job(job)
        let why = Comment(rawValue: try await fleet.bookend("explain", "\(job)").output)
        #expect(view.status == status, why, sourceLocation: sourceLocation)
        #expect(view.attempts.map(\.integers) == attempts, why, sourceLocation: sourceLocation)

        let lines = fleet.feed(of: job)
        #expect(lines.filter(\.endsJob).map(\.status) == [status], why, sourceLocation: sourceLocation)
        for (number, integers) in zip(1..., attempts) {
            let onFeed = ["pre-script", "backup", "post-script"].map { stage in
                lines.last { $0.attempt == number && $0.stage == stage }?.status ?? 4
            }
            #expect(onFeed == integers.all, why, sourceLocation: sourceLocation)
        }

        let text = try await fleet.bookend("job", "\(job)").output
        for number in [status] + attempts.flatMap(\.all) where number != 4 {
            #expect(text.contains(number.statusText), "\(text)", sourceLocation: sourceLocation)
        }
        return view
    }
}
