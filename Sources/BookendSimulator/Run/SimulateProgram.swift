import Glibc

/// What the program `bookend-simulate` does.
///
/// One process runs histories, one after another; of several that work on one range of seeds each takes its part.
package enum SimulateProgram {
    private struct Options {
        var seeds = 100
        var first: UInt64 = 1
        /// Only this one, with its story.
        var replay: UInt64?
        var size = History.Size(agents: 20, hours: 24)
        /// Of so many workers it is this one, from 0 on.
        var worker = (index: 0, of: 1)
        /// Histories that shortening a failure may run.
        var tries = 200
        var stopsAtFirst = false
        /// Instead of histories: a month in which all goes well, and what people are told.
        var isQuiet = false
        /// …with the daily report.
        var hasReport = false
    }

    package static func run() -> Never {
        restartWithFixedHashing()
        VirtualExecutor.install()
        let options = read(Array(CommandLine.arguments.dropFirst()))
        do {
            exit(try simulate(options))
        } catch {
            fail("\(error)")
        }
    }

    /// The order of sets and dictionaries must be the same at each run.
    private static func restartWithFixedHashing() {
        guard getenv("SWIFT_DETERMINISTIC_HASHING") == nil else { return }
        setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
        execv("/proc/self/exe", CommandLine.unsafeArgv)
        fail("cannot start again with fixed hashing: \(String(cString: strerror(errno)))")
    }

    private static func simulate(_ options: Options) throws -> Int32 {
        var template = Array("/tmp/bookend-simulate-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fail("cannot make a directory in /tmp") }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer {
            unlink(directory + "/keys")
            rmdir(directory)
        }
        let keys = try FleetKeys(agents: options.size.agents, directory: directory)
        if options.isQuiet { return tellQuietMonth(options, keys) }
        if let seed = options.replay { return replay(seed, options, keys) }
        let strikes = StrikeTable()
        var total = History.Counts()
        var failed: [UInt64] = []
        var seed = options.first + UInt64(options.worker.index)
        while seed < options.first + UInt64(options.seeds) {
            let outcome = History(seed: seed, size: options.size).run(keys, strikes: strikes)
            total.add(outcome.counts)
            if !outcome.violations.isEmpty {
                failed.append(seed)
                print("FAILED seed \(seed): \(outcome.violations[0])")
            }
            print("ran seed \(seed)")
            fflush(nil)
            if options.stopsAtFirst, !failed.isEmpty { break }
            seed += UInt64(options.worker.of)
        }
        for (pair, count) in strikes.pairs.sorted(by: { $0.key < $1.key }) { print("pair\t\(count)\t\(pair)") }
        for (rule, count) in strikes.rules.sorted(by: { $0.key < $1.key }) { print("rule\t\(count)\t\(rule)") }
        for (step, count) in strikes.steps.sorted(by: { $0.key < $1.key }) { print("step\t\(count)\t\(step)") }
        for (name, count) in total.lines { print("count\t\(count)\t\(name)") }
        return failed.isEmpty ? 0 : 1
    }

    private static func tellQuietMonth(_ options: Options, _ keys: FleetKeys) -> Int32 {
        let outcome = QuietMonth(agents: options.size.agents, hasReport: options.hasReport).run(keys)
        for message in outcome.messages { print(message) }
        print("\(outcome.jobs) jobs, \(outcome.successes) successful, \(outcome.messages.count) messages")
        for violation in outcome.violations { print("  \(violation)") }
        return outcome.violations.isEmpty ? 0 : 1
    }

    private static func replay(_ seed: UInt64, _ options: Options, _ keys: FleetKeys) -> Int32 {
        let first = History(seed: seed, size: options.size).run(keys, strikes: StrikeTable(), tellsStory: true)
        guard !first.violations.isEmpty else {
            for line in first.story { print(line) }
            print("seed \(seed): no guarantee is broken")
            return 0
        }
        guard
            let (faults, outcome) = Shortening(seed: seed, size: options.size, keys: keys).shorten(tries: options.tries)
        else {
            print("seed \(seed) fails only sometimes: the simulator itself is not the same at each run")
            for violation in first.violations { print("  \(violation)") }
            return 1
        }
        for line in outcome.story { print(line) }
        print("\nseed \(seed), after shortening: \(faults.count) faults are left")
        for fault in faults { print("  \(fault)") }
        print("what is broken:")
        for violation in outcome.violations { print("  \(violation)") }
        return 1
    }

    private static func read(_ arguments: [String]) -> Options {
        var options = Options()
        var rest = arguments[...]
        func number<T: FixedWidthInteger>(_ name: String) -> T {
            guard let text = rest.popFirst(), let value = T(text) else { fail("\(name) needs a number") }
            return value
        }
        while let name = rest.popFirst() {
            switch name {
            case "--seeds": options.seeds = number(name)
            case "--first": options.first = number(name)
            case "--seed": options.replay = number(name)
            case "--agents": options.size.agents = max(1, number(name))
            case "--hours": options.size.hours = max(1, number(name))
            case "--worker": options.worker.index = number(name)
            case "--workers": options.worker.of = max(1, number(name))
            case "--tries": options.tries = number(name)
            case "--quiet-month": options.isQuiet = true
            case "--report": options.hasReport = true
            case "--stop-at-first": options.stopsAtFirst = true
            default:
                fail(
                    "unknown option \(name); there are --seeds N, --agents M, --hours H, --first S, --seed S to replay "
                        + "one, --tries N for its shortening, --stop-at-first; and --quiet-month with --report")
            }
        }
        return options
    }

    private static func fail(_ message: String) -> Never {
        let line = Array("bookend-simulate: \(message)\n".utf8)
        _ = write(2, line, line.count)  // There is nobody else to tell.
        exit(2)
    }
}

extension History.Counts {
    mutating func add(_ other: History.Counts) {
        histories += other.histories
        jobs += other.jobs
        attempts += other.attempts
        reports += other.reports
        messages += other.messages
        crashes += other.crashes
        drops += other.drops
        duplicates += other.duplicates
        reorders += other.reorders
        diskFaults += other.diskFaults
        executed = other.executed
    }

    /// By name, for people.
    var lines: [(String, Int)] {
        [
            ("histories", histories), ("jobs", jobs), ("attempts", attempts), ("reports", reports),
            ("messages", messages), ("crashes", crashes), ("messages dropped", drops),
            ("messages doubled", duplicates), ("messages out of order", reorders), ("disk faults", diskFaults),
        ]
    }
}
