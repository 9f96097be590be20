import CLinux

/// Keeps the secrets that a process holds from whoever looks at the process.
package enum ProcessPrivacy {
    /// No core file of this process is written, and its user's other programs see neither its memory nor its environment.
    ///
    /// - Returns: Whether that holds now.
    @discardableResult
    package static func forbidDumps() -> Bool { clinux_forbid_dumps() == 0 }

    /// Takes a secret that came as an argument out of what listings of processes show. They showed it until now.
    package static func hideArgument(_ text: String) { clinux_hide_argument(text) }
}
