import Dispatch

/// Runs what keeps a processor busy for seconds on a thread of its own: tests share as few threads as there are processors,
/// and those that wait for something would otherwise wait for this.
package func besideOtherTests<Value: Sendable>(_ body: () async throws -> Value) async rethrows -> Value {
    try await withTaskExecutorPreference(OwnQueue(), operation: body)
}

private final class OwnQueue: TaskExecutor {
    private let queue = DispatchQueue(label: "bookend.test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
