/// What keeps the coordinator from doing its work.
package struct CoordinatorError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The store cannot be opened, read or written.
        case store
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
