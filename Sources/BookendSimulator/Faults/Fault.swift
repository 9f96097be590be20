import BookendModel

/// A process of the fleet.
enum Target: Hashable {
    case coordinator, collector
    case agent(Int)

    var description: String {
        switch self {
        case .coordinator: "coordinator"
        case .collector: "collector"
        case .agent(let number): "agent \(number + 1)"
        }
    }
}

/// What an agent is at, as a fault finds it.
enum AgentState: String, CaseIterable {
    case idle, queued
    case preScript = "pre-script"
    case backup
    case postScript = "post-script"
    case waiting = "retry-wait"
    case flushing
}

/// One thing that goes wrong. A history is its seed and its faults.
struct Fault {
    enum Kind {
        /// `kill -9`, and a start after that many milliseconds.
        case crash(down: Int64)
        /// The same, in the middle of the n-th step from now on; `commit`: only the steps of that commit are counted.
        case crashAtStep(Int, commit: String?, down: Int64)
        /// The whole machine: what it ran is gone, its boot clock starts anew.
        case reboot(down: Int64)
        /// SIGTERM.
        case stop(down: Int64)
        /// No way between it and a server, or between a server and everyone (`to` nil: both servers).
        case cut(to: Target?, lasting: Int64)
        /// Messages are lost, doubled, late and out of order, in so many of a thousand cases.
        case noise(drop: Int, duplicate: Int, reorder: Int, delay: Int64, lasting: Int64)
        case disk(Disk.Mode, lasting: Int64)
        /// The wall clock jumps.
        case clock(by: Int64)
        /// Its state becomes that of a while before: a virtual machine that is restored, or a server's database, by the
        /// command for that or behind everyone's back.
        case restore(age: Int64, byCommand: Bool, down: Int64)
        /// A second server with its key and its state, until somebody ends it.
        case clone(lasting: Int64)
        /// The script is not there, or must not run.
        case script(Stage, SimulatedServer.Script, lasting: Int64)
    }

    var at: Int64
    /// It waits until its agent comes into this state, and so long after that.
    var when: (state: AgentState, delay: Int64)?
    /// `nil`: everyone; for ``Kind/noise(drop:duplicate:reorder:delay:lasting:)`` only.
    var target: Target?
    var kind: Kind

    var name: String {
        switch kind {
        case .crash, .crashAtStep: "crash"
        case .reboot: "reboot"
        case .stop: "stop"
        case .cut: "cut"
        case .noise: "noise"
        case .disk: "disk"
        case .clock: "clock"
        case .restore: "restore"
        case .clone: "clone"
        case .script: "script"
        }
    }

    var description: String {
        let who = target?.description ?? "everyone"
        let wait = when.map { " when it is in \($0.state.rawValue), after \(Clock.text($0.delay))" } ?? ""
        let what =
            switch kind {
            case .crash(let down): "dies, down for \(Clock.text(down))"
            case .crashAtStep(let steps, let commit, let down):
                "dies at step \(steps)\(commit.map { " of the commit: \($0)" } ?? ""), down for \(Clock.text(down))"
            case .reboot(let down): "loses its power, down for \(Clock.text(down))"
            case .stop(let down): "is told to stop, down for \(Clock.text(down))"
            case .cut(let to, let lasting):
                "is cut from \(to?.description ?? "both servers") for \(Clock.text(lasting))"
            case .noise(let drop, let duplicate, let reorder, let delay, let lasting):
                "loses \(drop) ‰, doubles \(duplicate) ‰, reorders \(reorder) ‰, up to \(delay) ms late, for "
                    + Clock.text(lasting)
            case .disk(let mode, let lasting): "has a disk that is \(mode.rawValue) for \(Clock.text(lasting))"
            case .clock(let by): "has its wall clock moved by \(Clock.text(by))"
            case .restore(let age, let byCommand, let down):
                "is put back to what it was \(Clock.text(age)) before\(byCommand ? ", by command" : ""), down for "
                    + Clock.text(down)
            case .clone(let lasting): "is cloned for \(Clock.text(lasting))"
            case .script(let stage, let script, let lasting):
                "has its \(stage.rawValue) \(script.rawValue) for \(Clock.text(lasting))"
            }
        return "\(Clock.text(at)) \(who) \(what)\(wait)"
    }
}

/// A disk, as one process sees it.
final class Disk: @unchecked Sendable {
    enum Mode: String {
        case good
        /// Nothing can be written.
        case full
        /// Nothing can be written or read.
        case broken
    }

    var mode = Mode.good
    private(set) var refusals = 0

    func refuses(writing: Bool) -> Bool {
        let refuses = mode == .broken || mode == .full && writing
        if refuses { refusals += 1 }
        return refuses
    }
}

/// Virtual time for people: `03:04:05.678`.
enum Clock {
    static func text(_ milliseconds: Int64) -> String {
        let (sign, all) = milliseconds < 0 ? ("-", -milliseconds) : ("", milliseconds)
        let parts = [all / 3_600_000, all / 60_000 % 60, all / 1_000 % 60].map { ($0 < 10 ? "0" : "") + String($0) }
        let rest = String(all % 1_000)
        return sign + parts.joined(separator: ":") + "." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}
