/// What keeps the agent, or a part of it, from doing its work.
package struct AgentError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The configuration is wrong.
        case configuration
        /// The journal cannot be opened, read or written.
        case journal
        /// Another agent runs on the same state directory.
        case alreadyRunning
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
