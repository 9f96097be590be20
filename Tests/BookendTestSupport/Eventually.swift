/// What a test waited for in vain.
package struct DidNotHappen: Error, CustomStringConvertible {
    package var description: String

    package init(description: String) {
        self.description = description
    }
}

/// Waits for what another process or thread does and nothing tells of: a file that it writes, its own end.
///
/// - Parameters:
///   - what: Named when it does not happen.
///   - patience: Long, as a busy machine may take a minute for what takes a millisecond; it passes only in a test that fails.
package func eventually(
    _ what: String, within patience: Duration = .seconds(120), _ holds: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + patience
    // Where hundreds of tests have their turn in between, it is the looks that count: the awaited has no more turns.
    var looks = 0
    while try await !holds() {
        looks += 1
        guard ContinuousClock.now < deadline || looks < 200 else {
            throw DidNotHappen(description: "did not happen within \(patience): \(what)")
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}
