import CCurl
import Glibc
import Synchronization

/// Asks web servers outside of the fleet, with libcurl.
package enum HTTPRequest {
    /// Gets an http or https address and forgets the body. Follows at most three redirections.
    ///
    /// Returns at once when the task is canceled; the request then ends by itself within its time.
    ///
    /// - Parameter patience: How long all of it may take.
    /// - Throws: ``HTTPError`` when there is no answer in time, or one outside of 200…299; `CancellationError`.
    package static func get(_ url: String, patience: Duration, userAgent: String) async throws {
        let answer = Answer()
        try Thread.start { answer.give(perform(url, patience, userAgent)) }
        try await answer.wait().get()
    }

    private static func perform(_ url: String, _ patience: Duration, _ userAgent: String) -> Result<Void, any Error> {
        let parts = patience.components
        let milliseconds = Int(parts.seconds) * 1_000 + Int(parts.attoseconds / 1_000_000_000_000_000)
        var status = 0
        var text = [CChar](repeating: 0, count: Int(CCURL_ERROR_SIZE))
        let code = ccurl_get(url, max(1, milliseconds), userAgent, &status, &text)
        guard code == 0 else {
            let reason = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            return .failure(HTTPError(message: reason))
        }
        return (200...299).contains(status) ? .success(()) : .failure(HTTPError(message: "it answered \(status)"))
    }
}

/// Why a web server's answer is not there, or is not the right one.
package struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Does not name the address: it may hold a secret.
    package let message: String

    package var description: String { message }
}

/// What one thread gives and one task awaits.
private final class Answer: Sendable {
    private struct State {
        var result: Result<Void, any Error>?
        var waiter: CheckedContinuation<Result<Void, any Error>, Never>?
    }

    private let state = Mutex(State())

    /// The first one counts.
    func give(_ result: Result<Void, any Error>) {
        let waiter = state.withLock { state in
            guard state.result == nil else { return CheckedContinuation<Result<Void, any Error>, Never>?.none }
            state.result = result
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: result)
    }

    func wait() async -> Result<Void, any Error> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let result = state.withLock { state in
                    if state.result == nil { state.waiter = continuation }
                    return state.result
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            give(.failure(CancellationError()))
        }
    }
}

/// A thread of its own: libcurl waits, which no task may.
private enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ body: @escaping @Sendable () -> Void) throws(HTTPError) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Body(body))
        let code = pthread_create(
            &thread, nil,
            {
                Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run(); return nil
            },
            context.toOpaque())
        guard code == 0 else {
            context.release()
            throw HTTPError(message: "no thread could be started: \(String(cString: strerror(code)))")
        }
        pthread_detach(thread)
    }
}
