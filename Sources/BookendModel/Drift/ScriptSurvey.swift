/// What an agent found where the scripts of one of its policies should be, long before they run.
package struct ScriptSurvey: Hashable, Sendable {
    /// One script, judged as it would be at the start of its stage.
    package enum Finding: Hashable, Sendable {
        case ready
        case missing
        /// It would be refused: not executable, writable by others, in a place that the agent does not allow.
        case unsafe(String)
        /// It is not the one that it is pinned to.
        case differs(String)
    }

    /// Of the policy that the agent has.
    package var revision: Int64
    /// When the agent looked, by its wall clock.
    package var at: UnixTime
    /// `nil`: the policy has no scripts.
    package var pre: Finding?
    /// `nil`: the policy has no scripts.
    package var post: Finding?

    /// Both scripts are ready, or the policy has none.
    package var isReady: Bool { [nil, .ready].contains(pre) && [nil, .ready].contains(post) }

    package init(revision: Int64, at: UnixTime, pre: Finding? = nil, post: Finding? = nil) {
        self.revision = revision
        self.at = at
        self.pre = pre
        self.post = post
    }
}
