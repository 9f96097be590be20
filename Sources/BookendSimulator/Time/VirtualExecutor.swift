import Glibc

/// Runs every job of the concurrency runtime on one thread, in the order in which they came: what is done is the same at
/// each run.
///
/// Three variables of the runtime say who takes a job that is ready. They are looked up by name, because no header names
/// them; their functions get the job and, last, what the runtime would have done itself.
enum VirtualExecutor {
    private typealias Original = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void
    private typealias DelayOriginal = @convention(thin) (UInt64, UnownedJob) -> Void
    private typealias DelayHook = @convention(thin) (UInt64, UnownedJob, DelayOriginal) -> Void

    /// Jobs that are ready. Used by the one thread only.
    nonisolated(unsafe) private static var ready: [UnownedJob] = []
    nonisolated(unsafe) private static var next = 0
    /// Jobs that were run since the start of this program.
    nonisolated(unsafe) private(set) static var count = 0

    /// To be called once, before any task is made.
    static func install() {
        variable("swift_task_enqueueGlobal_hook", Hook.self) { job, _ in VirtualExecutor.ready.append(job) }
        variable("swift_task_enqueueMainExecutor_hook", Hook.self) { job, _ in VirtualExecutor.ready.append(job) }
        variable("swift_task_enqueueGlobalWithDelay_hook", DelayHook.self) { _, _, _ in
            fatalError("something sleeps by the machine's clock: in a simulation only virtual time passes")
        }
        variable("swift_task_enqueueGlobalWithDeadline_hook", DelayHook.self) { _, _, _ in
            fatalError("something sleeps by the machine's clock: in a simulation only virtual time passes")
        }
    }

    /// Runs what is ready and what follows from it.
    ///
    /// - Returns: `false`: more than `limit` jobs were run, and there is no end in sight.
    static func drain(limit: Int) -> Bool {
        // The executor that is nobody's: an actor's job that is ready runs at once where it can.
        let generic = unsafeBitCast((0, 0), to: UnownedSerialExecutor.self)
        var left = limit
        while next < ready.count {
            let job = ready[next]
            next += 1
            if next == 4_096 {
                ready.removeFirst(next)
                next = 0
            }
            count += 1
            left -= 1
            if left < 0 { return false }
            job.runSynchronously(on: generic)
        }
        ready.removeAll(keepingCapacity: true)
        next = 0
        return true
    }

    private static func variable<T>(_ name: String, _ type: T.Type, _ value: T) {
        guard let address = dlsym(nil, name) else {
            fatalError("the concurrency runtime has no \(name): this Swift cannot run a simulation")
        }
        address.assumingMemoryBound(to: T?.self).pointee = value
    }
}
