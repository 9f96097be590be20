/// What the coordinator asks of one agent, for an operator.
package enum AskRequest: Hashable, Sendable {
    /// The captured output of a job's scripts and engine. `attempt` nil: the latest; `stage` nil: all stages.
    case logs(job: JobID, attempt: Int?, stage: Stage?, follow: Bool)
    /// The snapshots that this agent made; `policy` nil: of every policy.
    case snapshots(repository: RepositoryName, policy: PolicyName?)
    /// Restores into a directory that the agent's own configuration allows. `include` empty: everything.
    case restore(repository: RepositoryName, snapshot: String, target: String, include: [String])
    /// The post-scripts that are owed by attempts that are over: they could not be run.
    case debts
    /// Tries once more to run the post-scripts that a job owes. `attempt` nil: of every attempt that owes one.
    case payDebts(job: JobID, attempt: Int?)
    /// Settles debts without running anything. `by` is the operator, as the coordinator knows him: what a client says of
    /// itself is replaced.
    case forgiveDebts(job: JobID, attempt: Int?, by: String, reason: String)
    /// A new key pair is to be made, beside the one in use; twice it is the same. Of the coordinator itself, like the next:
    /// clients ask for ``ControlRequest/rotateKey(_:)``.
    case makeKey
    /// Connections are to be made anew with that key: it is admitted now.
    case useKey(PublicKey)
}

/// A piece of the answer to an ``AskRequest``.
package enum AskAnswer: Hashable, Sendable {
    case log(LogChunk)
    case snapshots([SnapshotSummary])
    case restored(RestoreSummary)
    /// All that the agent owes, at most 1,000.
    case debts([OpenDebt])
    case settled([SettledDebt])
    /// The public half of what ``AskRequest/makeKey`` made.
    case key(PublicKey)
}

/// An owed post-script that could not be run.
package struct OpenDebt: Hashable, Sendable {
    package var job: JobID
    package var attempt: Int
    package var policy: PolicyName
    /// When the job was to start.
    package var scheduledStart: UnixTime
    /// Why it could not be run the last time.
    package var reason: String

    package init(job: JobID, attempt: Int, policy: PolicyName, scheduledStart: UnixTime, reason: String) {
        self.job = job
        self.attempt = attempt
        self.policy = policy
        self.scheduledStart = scheduledStart
        self.reason = reason
    }
}

/// What came of an order to pay or forgive a debt.
package struct SettledDebt: Hashable, Sendable {
    package var attempt: Int
    /// Of the post-script.
    package var status: Status
    package var reason: String
    /// `false`: it could not be run this time either.
    package var isSettled: Bool

    package init(attempt: Int, status: Status, reason: String, isSettled: Bool) {
        self.attempt = attempt
        self.status = status
        self.reason = reason
        self.isSettled = isSettled
    }
}

/// A piece of what a stage printed.
package struct LogChunk: Hashable, Sendable {
    package enum Stream: String, Hashable, Sendable, CaseIterable {
        case standardOutput = "stdout", standardError = "stderr"
    }

    package var attempt: Int
    package var stage: Stage
    package var stream: Stream
    /// At most 64 KiB; bytes as the stage wrote them, not necessarily text.
    package var data: [UInt8]

    package init(attempt: Int, stage: Stage, stream: Stream, data: [UInt8]) {
        self.attempt = attempt
        self.stage = stage
        self.stream = stream
        self.data = data
    }
}

package struct SnapshotSummary: Hashable, Sendable {
    /// Bytes of an id, at most; restic's have 64.
    package static let longestID = 128

    package var id: String
    package var at: UnixTime
    package var paths: [String]
    package var tags: [String]
    package var host: String

    package init(id: String, at: UnixTime, paths: [String], tags: [String], host: String) {
        self.id = id
        self.at = at
        self.paths = paths
        self.tags = tags
        self.host = host
    }
}

package struct RestoreSummary: Hashable, Sendable {
    package var status: Status
    package var reason: String
    /// Files and bytes that lie in the target after the restore.
    package var files: Int64
    package var bytes: Int64

    package init(status: Status, reason: String, files: Int64, bytes: Int64) {
        self.status = status
        self.reason = reason
        self.files = files
        self.bytes = bytes
    }
}

/// The coordinator's side of an ask. An agent sends at most as many chunks as it has credit for.
package enum AskCall: Hashable, Sendable {
    /// `credit`: chunks that may be sent before more credit comes; 1–64.
    case open(id: UInt64, request: AskRequest, credit: Int)
    case credit(id: UInt64, chunks: Int)
    case close(id: UInt64)
}

/// The agent's side of an ask.
package enum AskReply: Hashable, Sendable {
    case chunk(id: UInt64, AskAnswer)
    /// The answer is complete; `nil`: without a failure.
    case end(id: UInt64, RemoteFailure?)

    package var id: UInt64 {
        switch self {
        case .chunk(let id, _), .end(let id, _): id
        }
    }
}

/// Why a request could not be fulfilled, as it crosses the wire.
package struct RemoteFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// Wrong in itself: the sender must change it.
        case invalid
        /// There is no such thing.
        case notFound = "not-found"
        /// Understood, and not permitted.
        case refused
        /// The other side is not there now.
        case unavailable
        /// It was tried and failed.
        case failed
        /// The cursor is older than what is kept.
        case gap
    }

    package var code: Code
    /// Names the thing, and what the operator can do next.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
