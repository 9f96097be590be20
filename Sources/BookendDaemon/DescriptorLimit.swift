import Glibc

/// How many files and connections this process may have open.
package enum DescriptorLimit {
    /// Raises the limit as far as the system lets this process: a server of a fleet has a descriptor for each connection,
    /// and the usual 1,024 would be used up by some hundred agents.
    ///
    /// Programs that are started from here inherit it: not for the agent, whose scripts expect the usual limit.
    ///
    /// - Returns: The limit that holds now.
    @discardableResult
    package static func raise() -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            // Refused: the old one holds, and is what is returned.
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            }
        }
        return UInt64(limit.rlim_cur)
    }
}
