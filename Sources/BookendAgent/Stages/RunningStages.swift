import BookendModel
import FoundationEssentials
import Glibc

/// The records of the stages that run now: one file each, written by the stage's supervisor before the program starts, and
/// removed by the agent once the stage is over. What an agent finds when it starts, a dead one left. Their room is taken
/// before the attempt begins, so that a disk that is full cannot hide what runs.
///
/// They lie in a folder by the name of this start of the machine: a pid means nothing in another one. That the page cache
/// may lose them in a power cut does no harm, as the processes go with it.
///
///     unit bookend-job-7-pre-script-1.service    only of a script that is a service
///     supervisor 4711 88123
///     program 4712 88124        each with its pid and start time
///     exited 0                  once the program has ended; zeros up to its size behind it
package struct RunningStages: Sendable {
    /// The room of one record, in bytes: a supervisor writes no more.
    private static let recordSize = 512

    private let root: String
    private let directory: String

    package init(stateDirectory: String) {
        root = stateDirectory + "/running"
        // Without it, one name for all starts: start times still tell processes apart, almost always.
        let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        directory = root + "/" + (boot.map { String($0.prefix { $0 != "\n" }) } ?? "unknown")
        _ = makeFolders()  // Tried again for each record.
    }

    /// Where the record of a stage goes.
    func record(job: JobID, attempt: Int, stage: Stage) -> String {
        "\(directory)/\(job).\(attempt).\(stage.rawValue)"
    }

    /// Takes the room of a record, if it is not taken yet.
    ///
    /// - Returns: Why there is none; `nil`: it is taken.
    func reserve(_ record: String) -> String? {
        if let problem = makeFolders() { return problem }
        let descriptor = open(record, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return problem(record, errno) }
        defer { close(descriptor) }
        // Where a file system cannot allocate, glibc writes: the room is taken either way.
        let error = posix_fallocate(descriptor, 0, off_t(Self.recordSize))
        return error == 0 ? nil : problem(record, error)
    }

    private func makeFolders() -> String? {
        for folder in [root, directory] where mkdir(folder, 0o700) != 0 && errno != EEXIST {
            return problem(folder, errno)
        }
        return nil
    }

    private func problem(_ path: String, _ error: Int32) -> String {
        "no record of what runs can be made: \(path): \(String(cString: strerror(error)))"
    }

    func forget(_ record: String) {
        unlink(record)
    }

    /// Ends the trees of all programs that a dead agent left running: SIGTERM, the grace, SIGKILL. One that has ended by
    /// itself keeps what its policy lets it keep.
    ///
    /// - Returns: What was ended, as `pid name`.
    package func endLeftovers(grace: Duration = .seconds(10)) async -> [String] {
        removeOtherBoots()
        let records = self.records()
        let start = ContinuousClock.now
        var asked: [pid_t: ProcessTable.Entry] = [:]
        var stoppedUnits: Set<String> = []
        while !records.isEmpty, ContinuousClock.now - start < grace + .seconds(30) {
            let table = ProcessTable.read()
            let isOverdue = ContinuousClock.now - start >= grace
            let remains = records.map { $0.remains(in: table, isOverdue: isOverdue) }
            // A supervisor whose program we ended may go and leave the rest of the tree to nobody: it is ours to the end.
            let survivors = asked.values.compactMap { table.process($0.pid, startedAt: $0.startTime) }
            let toEnd = remains.flatMap(\.toEnd) + survivors + survivors.flatMap { table.descendants(of: $0.pid) }
            guard !toEnd.isEmpty || remains.contains(where: \.isWaited) else { break }
            for (record, left) in zip(records, remains) where !left.toEnd.isEmpty {
                if let unit = record.unit, stoppedUnits.insert(unit).inserted { await TransientService.stop(unit) }
            }
            for process in toEnd where process.pid > 1 && process.pid != getpid() {
                let isNew = asked.updateValue(process, forKey: process.pid)?.startTime != process.startTime
                if isOverdue {
                    kill(process.pid, SIGKILL)
                } else if isNew {
                    kill(process.pid, SIGTERM)
                    kill(process.pid, SIGCONT)
                }
            }
            // Canceled: the agent stops before it has begun, and the next one does this again.
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return asked.values.map(\.label) }
        }
        for record in records { forget(record.path) }
        return asked.values.map(\.label).sorted()
    }

    private func records() -> [StageRecord] {
        // A folder that cannot be made has no records either.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.map { StageRecord(path: "\(directory)/\($0)") }
    }

    private func removeOtherBoots() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []  // Nothing there, nothing to do.
        where "\(root)/\(name)" != directory {
            try? FileManager.default.removeItem(atPath: "\(root)/\(name)")  // Looked at by nobody, if it stays.
        }
    }
}

/// One record, as far as it was written.
private struct StageRecord {
    struct Remains {
        var toEnd: [ProcessTable.Entry] = []
        /// The supervisor is still at work.
        var isWaited = false
    }

    let path: String
    private var supervisor: (pid: pid_t, startTime: UInt64)?
    private var program: (pid: pid_t, startTime: UInt64)?
    private var hasEnded = false
    private(set) var unit: String?

    init(path: String) {
        self.path = path
        let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            let process = fields.count == 3 ? Self.process(fields[1], fields[2]) : nil
            switch fields.first {
            case "supervisor": supervisor = process
            case "program": program = process
            case "exited", "signaled": hasEnded = true
            case "unit": unit = fields.count == 2 && fields[1].hasPrefix("bookend-job-") ? String(fields[1]) : nil
            default: break
            }
        }
    }

    /// `nil` for what no supervisor writes: 0 and 1 are never its own, and a session 0 is everybody's.
    private static func process(_ pid: Substring, _ startTime: Substring) -> (pid: pid_t, startTime: UInt64)? {
        guard let pid = pid_t(pid), pid > 1, pid != getpid(), let startTime = UInt64(startTime) else { return nil }
        return (pid, startTime)
    }

    /// What is left of the stage. A supervisor without an agent ends by itself once nothing of the program is left, or
    /// what is may stay; it is ended last, as without it the program's children lose their name.
    func remains(in table: ProcessTable, isOverdue: Bool) -> Remains {
        var remains = Remains()
        if let supervisor, let process = table.process(supervisor.pid, startedAt: supervisor.startTime) {
            remains.isWaited = true
            let below = table.descendants(of: process.pid)
            remains.toEnd = hasEnded && !isOverdue ? [] : below
            if isOverdue, below.isEmpty { remains.toEnd = [process] }
        } else if let program, !hasEnded, table.process(program.pid, startedAt: program.startTime) != nil {
            // The supervisor was killed too. As long as the program itself lives, its session is its own; without it
            // nobody could tell whose processes they are, and they are left alone.
            remains.toEnd = table.session(program.pid)
        }
        return remains
    }
}

extension ProcessTable.Entry {
    fileprivate var label: String { "\(pid) \(name)" }
}
