/// The keys of a policy file, mapping by mapping.
package enum PolicyKeys {
    package static let policy = KeyTable(
        "",
        [
            "policy": "the policy's name, such as nightly-web",
            "description": "one line of text",
            "agents": "a mapping with ids, patterns or labels",
            "backup": "a mapping that says what to back up",
            "scripts": "a mapping that says which scripts run before and after",
            "retry": "a mapping with attempts and interval",
            "window": "a duration such as 4h",
            "splay": "a duration such as 30m",
            "ignore_window_for_first_backup": "true or false",
            "catch_up": "none or latest",
            "when_agent_offline": "queue, fail or skip",
            "overlap": "queue, skip or replace",
            "limits": "a mapping with per_agent, per_policy and per_repository",
            "bandwidth_limit": "a size a second such as 10MiB",
            "objective": "a duration such as 26h",
            "schedules": "a list of schedules such as cron: \"30 2 * * *\"",
        ])

    package static let agents = KeyTable(
        "agents",
        [
            "ids": "a list of agent ids",
            "patterns": "a list of patterns such as \"web-*\"",
            "labels": "a mapping of labels such as role: web",
        ])

    package static let backup = KeyTable(
        "backup",
        [
            "engine": "restic or command",
            "repository": "a repository's name, such as main",
            "sources": "a list of absolute paths",
            "exclude": "a list of patterns such as \"*.tmp\"",
            "program": "the absolute path of a program",
            "arguments": "a list of texts",
        ])

    package static let scripts = KeyTable(
        "scripts",
        [
            "enabled": "true or false",
            "directory": "the absolute path of the directory that holds the scripts",
            "timeout": "a duration such as 10m",
            "pre_timeout": "a duration such as 10m",
            "post_timeout": "a duration such as 10m",
            "skip_backup_if_pre_fails": "true or false",
            "skip_backup_if_pre_missing": "true or false",
            "left_processes": "a mapping with pre and post",
            "status_profile": "native, basic or the name of a map in agent.yaml",
            "exclusive": "the name of a group",
            "pre_sha256": "the SHA-256 of the pre-script, 64 hexadecimal digits",
            "post_sha256": "the SHA-256 of the post-script, 64 hexadecimal digits",
        ])

    package static let leftProcesses = KeyTable(
        "scripts.left_processes", ["pre": "end or allow", "post": "keep, end or allow"])

    package static let retry = KeyTable(
        "retry",
        [
            "attempts": "a whole number from 1 to 100",
            "interval": "a duration such as 5m",
            "backoff": "a whole number from 1 to 10",
            "longest_interval": "a duration such as 30m",
            "jitter_percent": "a whole number from 0 to 100",
            "only_after": "a list of statuses such as [repository-locked, interrupted]",
        ])

    package static let limits = KeyTable(
        "limits",
        [
            "per_agent": "a whole number from 1 to 100000",
            "per_policy": "a whole number from 1 to 100000", "per_repository": "a whole number from 1 to 100000",
        ])

    package static let schedule = KeyTable(
        "schedules",
        [
            "at": "a time in UTC such as 2026-11-24T02:00:00Z",
            "cron": "a cron expression such as \"30 2 * * *\"",
            "days": "daily, or a list of days such as [mon, thu]",
            "after_success": "a duration such as 24h",
            "start": "a time of the day such as \"02:30\"",
            "timezone": "a time zone such as Europe/Berlin, UTC, or agent",
            "window": "a duration such as 4h",
            "splay": "a duration such as 30m",
            "bandwidth_limit": "a size a second such as 10MiB",
        ])

    /// Every mapping, so that the published schema can be held against all of them.
    package static let tables = [policy, agents, backup, scripts, leftProcesses, retry, limits, schedule]

    /// The keys under `backup` that belong to one engine only.
    static let engineKeys = [
        "restic": ["repository", "sources", "exclude"],
        "command": ["program", "arguments"],
    ]
}
