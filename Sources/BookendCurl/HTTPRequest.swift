import CCurl

/// Asks web servers outside of the fleet, with libcurl.
package enum HTTPRequest {
    /// Gets an http or https address and forgets the body. Follows at most three redirections.
    ///
    /// Returns at once when the task is canceled; the request then ends by itself within its time.
    ///
    /// - Parameter patience: How long all of it may take.
    /// - Throws: ``HTTPError`` when there is no answer in time, or one outside of 200…299; `CancellationError`.
    package static func get(_ url: String, patience: Duration, userAgent: String) async throws {
        let answer = Answer<Void>()
        try CurlThread.start { answer.give(perform(url, patience, userAgent)) }
        try await answer.wait().get()
    }

    /// Posts a body to an http or https address. Follows no redirection.
    ///
    /// Returns at once when the task is canceled; the request then ends by itself within its time.
    ///
    /// - Parameters:
    ///   - headers: Each `Name: value`.
    ///   - caFile: Whom to trust; `nil`: the system's authorities.
    /// - Returns: The answer's status, whatever it is.
    /// - Throws: ``HTTPError`` when there is no answer in time; `CancellationError`.
    package static func post(
        _ url: String, headers: [String], body: [UInt8], caFile: String? = nil, patience: Duration, userAgent: String
    ) async throws -> Int {
        let answer = Answer<Int>()
        try CurlThread.start {
            var status = 0
            var text = [CChar](repeating: 0, count: Int(CCURL_ERROR_SIZE))
            let code = headers.withCStrings { headers in
                ccurl_post(
                    url, headers, body, body.count, caFile, patience.curlMilliseconds, userAgent, &status, &text)
            }
            answer.give(code == 0 ? .success(status) : .failure(HTTPError(message: text.curlText)))
        }
        return try await answer.wait().get()
    }

    private static func perform(_ url: String, _ patience: Duration, _ userAgent: String) -> Result<Void, any Error> {
        var status = 0
        var text = [CChar](repeating: 0, count: Int(CCURL_ERROR_SIZE))
        let code = ccurl_get(url, patience.curlMilliseconds, userAgent, &status, &text)
        guard code == 0 else {
            return .failure(HTTPError(message: text.curlText))
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
