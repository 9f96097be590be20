import CLinux
import Glibc

/// Watches one program from its start until nothing of it is left, or the rest may stay.
///
/// ```
/// running ──leader ended──▶ settling ──▶ deciding ──keep──▶ done
///    │                         │             └─end─┐
///    └──────────end────────────┴──▶ ending ◀───────┘ ──nobody left──▶ done
/// ```
struct Supervision {
    private enum Phase { case running, settling(until: Int64), deciding, ending(killAt: Int64), done }

    private let options: Options
    private let signals: Int32
    private var link = AgentLink()
    private var phase = Phase.running
    private var leader: pid_t = 0
    private var leaderHasEnded = false
    private var interruptedAsOrphan = false
    private var record: StageRecord
    private var asked: Set<String> = []
    private var killsGiveUpAt = Int64.max
    private var pipes: [OutputPipe] = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

    init(_ options: Options) {
        self.options = options
        // The terminal's and the service manager's signals are the agent's affair: it says what becomes of the program.
        for number in [SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT] { signal(number, SIG_IGN) }
        // The environment may hold a repository's secrets.
        _ = clinux_forbid_dumps()  // Refused by no kernel that we run on; the program is run all the same.
        signals = clinux_child_signalfd()
        record = StageRecord(path: options.resultFile)
    }

    mutating func run() -> Int32 {
        guard signals >= 0, clinux_become_subreaper() == 0 else { return fail("cannot supervise", errno) }
        guard chdir("/") == 0 else { return fail("cannot enter /", errno) }
        for (name, path) in [("stdout", options.stdoutFile), ("stderr", options.stderrFile)] {
            guard
                let pipe = OutputPipe(
                    name: name, path: path, limit: options.outputLimit, appends: options.appendsOutput,
                    passesLines: options.passLines)
            else { return fail("cannot make a pipe", errno) }
            pipes.append(pipe)
        }
        // The agent that starts after a dead one finds us by this, or we find here that ours is gone. Whom nobody could find
        // would run on beside what is run for it then.
        let problem = introduce()
        guard problem == 0 || options.mayRunUnrecorded else {
            return fail("the stage's record, \(record.path ?? "-")", problem)
        }
        guard !link.isHungUp else { return fail(options.command[0], ECANCELED) }
        if options.nice != 0 { _ = setpriority(__priority_which_t(0), 0, options.nice) }  // Politeness, not a duty.
        do throws(SpawnFailure) {
            leader = try spawn(options, stdout: pipes[0].writing, stderr: pipes[1].writing)
        } catch {
            return fail(error.what, error.code)
        }
        for index in pipes.indices { pipes[index].closeWriting() }
        link.send("started \(leader)")
        // It has its room; if it fails all the same, the program is found below us.
        _ = record.add("program \(leader) \(ProcessEntry(pid: leader)?.startTime ?? 0)")
        while true {
            reap()
            step()
            if case .done = phase { break }
            link.flush()
            wait()
        }
        finish()
        return 0
    }

    /// Says in the record who we are.
    ///
    /// - Returns: 0, or why it could not be said, as errno has it.
    private mutating func introduce() -> Int32 {
        let ourselves = "supervisor \(getpid()) \(ProcessEntry(pid: getpid())?.startTime ?? 0)"
        guard let unit = options.unit else { return record.add(ourselves) }
        return record.add("unit \(unit)", ourselves)
    }

    private mutating func fail(_ what: String, _ error: Int32) -> Int32 {
        let text = "could-not-start \(what): \(String(cString: strerror(error)))"
        _ = record.add(text)  // The agent hears it below.
        link.send(text)
        link.send("done")
        link.flushAll()
        return 0
    }

    // MARK: - One round

    private mutating func wait() {
        var pollers = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
        if !link.isOrphaned { pollers.append(pollfd(fd: 0, events: Int16(POLLIN), revents: 0)) }
        if link.hasOutput { pollers.append(pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)) }
        for pipe in pipes where pipe.reading >= 0 {
            pollers.append(pollfd(fd: pipe.reading, events: Int16(POLLIN), revents: 0))
        }
        let timeout: Int32 =
            switch phase {
            case .settling(let until): Int32(clamping: max(0, until - now()))
            // Nobody is there to decide: the next step does.
            case .deciding where link.isOrphaned: 0
            case .ending(let killAt): now() >= killAt ? 10 : Int32(clamping: min(100, killAt - now()))
            default: -1
            }
        poll(&pollers, nfds_t(pollers.count), timeout)
        drain(rounds: 4)
        for command in link.commands() { obey(command) }
        if link.isOrphaned && options.interruptsOnOrphan && !interruptedAsOrphan && !leaderHasEnded {
            interruptedAsOrphan = true
            kill(-leader, SIGINT)
        }
    }

    private mutating func drain(rounds: Int) {
        for index in pipes.indices {
            let name = pipes[index].name
            var lines: [[UInt8]] = []
            _ = pipes[index].drain(into: buffer, rounds: rounds) { lines.append($0) }
            for line in lines { link.pass(line, from: name) }
        }
    }

    private mutating func obey(_ command: [Substring]) {
        switch command.first {
        case "signal":
            let numbers = ["INT": SIGINT, "TERM": SIGTERM, "KILL": SIGKILL]
            if command.count == 2, let number = numbers[String(command[1])], !leaderHasEnded { kill(-leader, number) }
        case "kill":
            // The program alone: what it started lives on, as if somebody else had killed it.
            if !leaderHasEnded { kill(leader, SIGKILL) }
        case "end":
            let grace = command.count == 2 ? Int64(command[1]) ?? 0 : 0
            phase = .ending(killAt: now() + min(max(0, grace), 86_400_000))
            terminate()
        case "keep":
            if leaderHasEnded { phase = .done }
        default: break
        }
    }

    private mutating func step() {
        switch phase {
        case .settling(let until) where now() >= until:
            for process in ProcessEntry.descendants() {
                link.send("left \(process.pid) \(process.startTime) \(process.name)")
            }
            link.send("deciding")
            phase = .deciding
        case .deciding where link.isOrphaned:
            phase = options.endsLeftOnOrphan ? .ending(killAt: now() + 10_000) : .done
            if options.endsLeftOnOrphan { terminate() }
        case .ending(let killAt) where now() >= killAt:
            killsGiveUpAt = min(killsGiveUpAt, now() + 30_000)
            for process in ProcessEntry.descendants() { kill(process.pid, SIGKILL) }
            if now() > killsGiveUpAt {
                for process in ProcessEntry.descendants() {
                    link.send("left \(process.pid) \(process.startTime) \(process.name)")
                }
                phase = .done
            }
        case .ending: terminate()
        default: break
        }
    }

    /// SIGTERM for whoever has not had it: who was just being forked at the first round gets it in the next.
    private mutating func terminate() {
        for process in ProcessEntry.descendants() where asked.insert("\(process.pid) \(process.startTime)").inserted {
            kill(process.pid, SIGTERM)
            kill(process.pid, SIGCONT)
        }
    }

    /// Takes every dead child; having no child at all is the proof that nothing of the program is left.
    private mutating func reap() {
        var drained = [UInt8](repeating: 0, count: 128 * 8)
        while read(signals, &drained, drained.count) > 0 {}
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid == leader && pid > 0 {
                ended(status)
            } else if pid == 0 {
                return
            } else if pid < 0 {
                if errno == EINTR { continue }
                phase = .done
                return
            }
        }
    }

    private mutating func ended(_ status: Int32) {
        leaderHasEnded = true
        let signal = status & 0x7F
        let text = signal == 0 ? "exited \((status >> 8) & 0xFF)" : "signaled \(signal)"
        _ = record.add(text)  // The agent that is there hears it; another one finds the program gone.
        // What the program wrote before its end comes before the news of it; bounded, as others may go on writing.
        drain(rounds: 16)
        link.send(text)
        link.flush()
        if case .running = phase { phase = .settling(until: now() + 50) }
    }

    // MARK: - The end

    private mutating func finish() {
        drain(rounds: 64)
        for index in pipes.indices {
            let name = pipes[index].name
            var last: [[UInt8]] = []
            let leftOut = pipes[index].finish { last.append($0) }
            for line in last { link.pass(line, from: name) }
            if leftOut > 0 { link.send("output-left-out \(name) \(leftOut)") }
        }
        if link.linesLeftOut > 0 { link.send("lines-left-out \(link.linesLeftOut)") }
        link.send("done")
        link.flushAll()
        // Who was left running and holds the output must not die of a broken pipe: a copy of us reads on into nothing.
        guard pipes.contains(where: { $0.reading >= 0 }), waitpid(-1, nil, WNOHANG) == 0, clinux_fork() == 0 else {
            return
        }
        setsid()
        for descriptor in 0...2 as ClosedRange<Int32> { close(descriptor) }
        close(signals)
        while pipes.contains(where: { $0.reading >= 0 }) {
            var pollers = pipes.filter { $0.reading >= 0 }.map {
                pollfd(fd: $0.reading, events: Int16(POLLIN), revents: 0)
            }
            poll(&pollers, nfds_t(pollers.count), -1)
            for index in pipes.indices { pipes[index].discard(into: buffer) }
        }
    }
}
