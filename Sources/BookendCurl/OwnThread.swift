/// A thread for something that blocks, which no task may.
package enum OwnThread {
    /// Returns at once when the task is canceled; the body then ends by itself.
    ///
    /// - Throws: ``HTTPError`` when there is no thread; `CancellationError`.
    package static func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async throws -> T {
        let answer = Answer<T>()
        try CurlThread.start { answer.give(.success(body())) }
        return try await answer.wait().get()
    }
}
