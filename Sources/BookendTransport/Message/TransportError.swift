/// What went wrong with a socket, an address or a key, and what to do about it.
package struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// The address is not one.
        case invalidEndpoint
        /// TCP without CURVE keys, or another combination that must not exist.
        case insecure
        /// Somebody else listens there already.
        case addressInUse
        /// The address can be neither bound nor connected to on this machine.
        case unavailable
        case invalidKey
        /// A key file that others can read, that is there already, or that cannot be read or written.
        case keyFile
        /// A server that lets strangers in.
        case strangerAdmitted
        /// The thread that owns the sockets has stopped.
        case stopped
        case system
    }

    package let code: Code
    /// Names the thing, and the next step.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
