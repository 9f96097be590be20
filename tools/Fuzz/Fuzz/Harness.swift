import Glibc

/// A decoder that meets bytes from outside.
struct Target: Sendable {
    let name: String
    /// Longer inputs are not tried in the main run; see ``LargeInputs`` for those.
    var longest = 4_096
    /// Valid encodings, to start from.
    let seeds: @Sendable () -> [[UInt8]]
    /// Decodes. An error is an expected outcome; whatever must not happen ends in ``broken(_:)``.
    let run: @Sendable ([UInt8]) -> Void

    static let all = wire + files + texts + databases
}

enum Harness {
    /// Set once, before the first input.
    nonisolated(unsafe) static var target = Target.all[0]
    /// What one input of up to 1 MiB may take of the processor, with the counters of coverage in the code: the time of this
    /// thread. Other programs do not use it up, and yet make it longer, as they share the caches.
    static let limit = 2.0

    static func run(_ bytes: [UInt8]) {
        let seconds = time(bytes)
        if seconds > limit { broken("an input of \(bytes.count) bytes took \(seconds) s") }
    }

    /// - Returns: Seconds of the processor.
    static func time(_ bytes: [UInt8]) -> Double {
        let start = processorTime()
        target.run(bytes)
        return processorTime() - start
    }

    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// A promise that was not kept: says so, and ends the process so that libFuzzer keeps the input.
func broken(_ message: String) -> Never {
    say("BROKEN: \(message)")
    abort()
}

/// Runs what may throw; an error is an answer, and its text must not crash either.
func answer<Value>(_ body: () throws -> Value) -> Value? {
    do {
        return try body()
    } catch {
        if "\(error)".isEmpty { broken("an error without a message") }
        return nil
    }
}

/// A line on standard error, unbuffered: what is said right before an abort must be seen.
func say(_ message: String) {
    let bytes = Array((message + "\n").utf8)
    _ = write(2, bytes, bytes.count)  // If nobody listens, nobody misses it.
}
