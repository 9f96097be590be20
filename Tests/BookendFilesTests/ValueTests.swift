import BookendFiles
import BookendModel
import Testing

struct ValueTests {
    @Test(arguments: [
        ("30s", Duration.seconds(30)), ("10m", .seconds(600)), ("4h", .seconds(14_400)), ("1d", .seconds(86_400)),
        ("1h30m", .seconds(5_400)), ("500ms", .milliseconds(500)), ("1m500ms", .milliseconds(60_500)), ("0s", .zero),
        ("90m", .seconds(5_400)),
    ])
    func `a duration has units`(text: String, duration: Duration) throws {
        #expect(try DurationText.parse(text) == duration)
        #expect(try DurationText.parse(DurationText.render(duration)) == duration)
    }

    @Test(arguments: [
        "", "s", "m5", "1.5h", "-1s", "1 h", "1H", "1w", "1m1h", "1s1s", "5m30", "99999999999999999999d",
        "9999999999999999d",
        "1h٣m",
    ])
    func `anything else is no duration`(text: String) {
        #expect(throws: DurationText.Problem.malformed) { try DurationText.parse(text) }
    }

    @Test func `a bare number lacks its unit`() {
        #expect(throws: DurationText.Problem.noUnit) { try DurationText.parse("30") }
    }

    @Test func `a size has a unit`() {
        #expect(ByteCount(text: "1MiB") == .mebibytes(1))
        #expect(ByteCount(text: "64KiB")?.description == "64KiB")
        #expect(ByteCount(text: "1500B")?.description == "1500B")
        #expect(ByteCount(text: "0B")?.description == "0B")
        for text in ["", "1", "1MB", "1 MiB", "-1B", "1.5MiB", "99999999999GiB", "MiB"] {
            #expect(ByteCount(text: text) == nil, "\(text)")
        }
    }

    @Test func `a policy that never was a file is judged as well`() {
        var policy = Policy(
            name: PolicyName(rawValue: "p"), selector: Selector(),
            engine: .restic(ResticPlan(repository: RepositoryName(rawValue: "main"), sources: [])))
        policy.retry = RetryPlan(attempts: 0, interval: .seconds(-1))
        policy.window = .nanoseconds(1)
        policy.scripts = ScriptPlan(
            directory: "/a/../b", preTimeout: .zero, postTimeout: .seconds(367 * 86_400), statusProfile: .map("a b"),
            exclusiveGroup: "", preSHA256: String(repeating: "A", count: 64), postSHA256: "ab")
        #expect(
            policy.problems().map(\.keyPath) == [
                "agents", "backup.sources", "scripts.directory", "scripts.pre_timeout", "scripts.post_timeout",
                "scripts.status_profile", "scripts.exclusive", "scripts.pre_sha256", "scripts.post_sha256",
                "retry.attempts", "retry.interval", "window",
            ])
    }

    @Test func `counts and lengths of a policy are bounded`() {
        let long = String(repeating: "x", count: 5_000)
        var policy = Policy(
            name: PolicyName(rawValue: String(repeating: "n", count: 129)), description: long,
            selector: Selector(
                ids: Array(repeating: AgentID(rawValue: "a"), count: 1001), patterns: Array(repeating: "*", count: 101),
                labels: Dictionary(uniqueKeysWithValues: (0..<33).map { ("k\($0)", "v") })),
            engine: .command(CommandPlan(program: "/x", arguments: Array(repeating: "\0", count: 257))))
        let keyPaths = Set(policy.problems().map(\.keyPath))
        #expect(
            keyPaths.isSuperset(of: [
                "policy", "description", "agents.ids", "agents.patterns", "agents.labels", "backup.arguments",
                "backup.arguments[0]",
            ]))
        policy.engine = .restic(
            ResticPlan(
                repository: RepositoryName(rawValue: "r"),
                sources: (0..<200).map { "/\($0)" + String(repeating: "y", count: 2_000) }))
        #expect(policy.problems().contains { $0.message.hasPrefix("is too large") })
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2026-11-24T02:00:00Z", 1_795_485_600_000),
            ("2026-11-24T02:00:00.5Z", 1_795_485_600_500), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func `a time in UTC is read and written`(text: String, milliseconds: Int64) {
        #expect(InstantText.parse(text) == UnixTime(milliseconds: milliseconds))
        #expect(InstantText.render(UnixTime(milliseconds: milliseconds)) == text)
    }

    @Test func `every day of four hundred years is written as it is read`() {
        for day in 0..<Int64(146_098) {
            let time = UnixTime(milliseconds: day * 86_400_000 + day % 86_400_000)
            #expect(InstantText.parse(InstantText.render(time)) == time)
        }
    }

    @Test(arguments: [
        "", "Z", "2026-11-24", "2026-11-24T02:00:00", "2026-11-24 02:00:00Z", "2026-11-24T02:00:00z",
        "2026-13-01T00:00:00Z",
        "2026-04-31T00:00:00Z", "2100-02-29T00:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T02:60:00Z",
        "2026-11-24T02:00:60Z", "2026-11-24T02:00:00.Z", "2026-11-24T02:00:00.1234Z", "2026-11-24T02:00:00,5Z",
        "2026-11-24T02:00:00+00:00", "02026-11-24T02:00:00Z",
    ])
    func `what is no time in UTC is refused`(text: String) {
        #expect(InstantText.parse(text) == nil)
    }
}
