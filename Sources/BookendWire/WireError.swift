/// Why bytes are not a message.
package struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// Not an envelope, or one without a body that this version knows.
        case malformed
        /// A higher major version than this build speaks.
        case newerVersion
        /// An envelope whose content breaks a rule.
        case invalid
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
