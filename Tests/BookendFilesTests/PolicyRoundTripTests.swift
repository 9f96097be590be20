import BookendFiles
import BookendModel
import Testing

struct PolicyRoundTripTests {
    /// Texts that YAML would like to take for something else.
    private static let trickyTexts = [
        "plain", "no", "true", "null", "~", "12", "1.5", "-", "- a", "a: b", "#x", "a #b", "*.tmp", "&x", "!y", "%z",
        "@",
        "\"quoted\"", "it's", "back\\slash", "über/日本/🎒", "[a]", "{a}", "a,b", "trailing ", " leading", "0x1F",
        "2026-01-01",
        "|", ">", "?", "`", "=", "<<", "a:", ":a",
    ]

    @Test(arguments: 0..<200)
    func `a rendered policy reads back as the same policy`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let policy = Self.randomPolicy(using: &random)
        #expect(policy.problems().isEmpty, "seed \(seed)")
        let text = PolicyFile.render(policy)
        #expect(try PolicyFile.read(text: text, file: "p.yaml") == [policy], "seed \(seed)\n\(text)")
    }

    @Test func `a rendered policy leaves out what goes without saying`() {
        let policy = Policy(
            name: PolicyName(rawValue: "p"), selector: Selector(labels: ["role": "web"]),
            engine: .restic(ResticPlan(repository: RepositoryName(rawValue: "main"), sources: ["/etc", "/srv/a b"])),
            scripts: ScriptPlan(directory: "/s", preTimeout: .seconds(90), postTimeout: .seconds(90)))
        #expect(
            PolicyFile.render(policy) == """
                policy: p
                agents:
                  labels:
                    role: web
                backup:
                  repository: main
                  sources:
                    - /etc
                    - /srv/a b
                scripts:
                  directory: /s
                  timeout: 1m30s

                """)
    }

    @Test func `a difference names each key with its old and its new value`() throws {
        let base = "policy: p\nagents: {ids: [a]}\nbackup: {repository: main, sources: [/etc]}\n"
        let old = try PolicyFile.read(text: base + "window: 4h\nscripts: {directory: /s}\n", file: "p")[0]
        let new = try PolicyFile.read(
            text: base.replacing("[/etc]", with: "[/etc, /srv]") + "scripts: {directory: /s, timeout: 10m}\n", file: "p"
        )[0]
        #expect(
            PolicyDiff(from: old, to: new).changes == [
                .init(keyPath: "backup.sources", old: "[/etc]", new: "[/etc, /srv]"),
                .init(keyPath: "scripts.timeout", old: nil, new: "10m"),
                .init(keyPath: "window", old: "4h", new: nil),
            ])
        #expect(PolicyDiff(from: old, to: old).isEmpty)
        #expect(PolicyDiff(from: nil, to: old).changes.allSatisfy { $0.old == nil && $0.new != nil })
        #expect(PolicyDiff(from: old, to: nil).changes.map(\.keyPath).first == "policy")
    }

    private static func randomPolicy(using random: inout SeededGenerator) -> Policy {
        func texts(_ range: ClosedRange<Int>) -> [String] {
            (0..<Int.random(in: range, using: &random)).map { _ in trickyTexts.randomElement(using: &random) ?? "" }
        }
        func flag() -> Bool { .random(using: &random) }
        func duration() -> Duration? {
            flag() ? .milliseconds(Int64.random(in: 1...100_000_000, using: &random)) : nil
        }
        let isRestic = flag()
        let engine: Engine =
            !isRestic
            ? .command(CommandPlan(program: "/bin/a b", arguments: texts(0...4) + [flag() ? "" : "two\nlines\t\u{85}"]))
            : .restic(
                ResticPlan(
                    repository: RepositoryName(rawValue: "5"), sources: ["/"] + texts(0...3).map { "/" + $0 },
                    excludes: texts(0...3)))
        let scripts = ScriptPlan(
            directory: "/etc/#scripts", preTimeout: duration(), postTimeout: duration(), skipBackupIfPreFails: flag(),
            skipBackupIfPreMissing: flag(), preLeftProcesses: flag() ? .end : .allow,
            postLeftProcesses: ScriptPlan.LeftProcesses.allCases.randomElement(using: &random) ?? .keep,
            statusProfile: flag() ? .basic : flag() ? .native : .map("no"), exclusiveGroup: flag() ? "null" : nil,
            preSHA256: flag() ? String(repeating: "12", count: 32) : nil,
            postSHA256: flag() ? String(repeating: "ab", count: 32) : nil)
        let growing = RetryPlan(
            attempts: 3, interval: .seconds(60), backoff: Int.random(in: 1...10, using: &random),
            longestInterval: flag() ? .seconds(600) : nil, jitterPercent: Int.random(in: 0...100, using: &random),
            onlyAfter: flag() ? [.repositoryLocked, .failed] : nil)
        var policy = Policy(
            name: PolicyName(rawValue: flag() ? "true" : "7"), description: texts(0...1).first ?? "",
            selector: Selector(
                ids: [AgentID(rawValue: "1e3")], patterns: flag() ? ["*", "a?"] : [],
                labels: Dictionary(texts(0...3).enumerated().map { ("k\($0.offset)", $0.element) }) { $1 }),
            engine: engine, scripts: flag() ? scripts : nil,
            retry: flag()
                ? .none
                : flag() ? RetryPlan(attempts: Int.random(in: 1...100, using: &random), interval: .zero) : growing,
            window: duration(), ignoreWindowForFirstBackup: flag(), catchUp: flag() ? .none : .latest,
            overlap: OverlapRule.allCases.randomElement(using: &random) ?? .queue,
            limits: StartLimits(
                perPolicy: flag() ? 7 : nil, perRepository: isRestic && flag() ? 100_000 : nil,
                perAgent: flag() ? 1 : nil),
            bandwidthLimit: isRestic && flag() ? 5 << 20 : nil,
            schedules: flag() ? [] : schedules(using: &random))
        policy.objective = flag() ? nil : .seconds(93_600)
        return policy
    }

    private static func schedules(using random: inout SeededGenerator) -> [Schedule] {
        let zones: [ScheduleZone] = [.utc, .agent, .named("Europe/Berlin"), .named("Etc/GMT+5")]
        let start = UnixTime(milliseconds: Int64.random(in: 946_684_800_000...253_402_300_799_000, using: &random))
        return [
            .at(start),
            Schedule(
                .cron(["@daily", "*/5 0-3,22 * * mon-fri", "0 2 1 * *"].randomElement(using: &random) ?? ""),
                zone: zones.randomElement(using: &random) ?? .utc),
            Schedule(
                .days(
                    Weekdays(bits: UInt8.random(in: 1...127, using: &random)),
                    start: TimeOfDay(minutes: Int.random(in: 0..<1_440, using: &random))),
                zone: zones.randomElement(using: &random) ?? .utc, window: .seconds(7_200),
                splay: .random(using: &random) ? .seconds(90) : nil),
        ]
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
