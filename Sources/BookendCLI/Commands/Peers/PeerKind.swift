import ArgumentParser
import BookendModel

/// Whom a group of commands is about: `bookend agent …`, `bookend operator …` and so on are the same commands.
protocol PeerKind: Sendable {
    static var role: PeerRole { get }
    /// A name for the examples.
    static var example: String { get }
}

extension PeerKind {
    static var word: String { role.rawValue }
}

enum AgentKind: PeerKind {
    static let role = PeerRole.agent
    static let example = "web-1"
}

enum OperatorKind: PeerKind {
    static let role = PeerRole.operator
    static let example = "alice"
}

enum CollectorKind: PeerKind {
    static let role = PeerRole.collector
    static let example = "main"
}

enum SubscriberKind: PeerKind {
    static let role = PeerRole.subscriber
    static let example = "dashboard"
}

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Enroll, look at and revoke agents.",
        discussion: """
            Examples:
              bookend agent token create --label role=web --ttl 1h
              bookend agent list
              bookend agent show web-1
              bookend agent label web-1 rack=7 role=web
              bookend agent maintenance web-1 --for 2h --reason "new disks"
              bookend agent rotate-key web-1
              bookend agent revoke web-1
            """,
        subcommands: [
            AgentListCommand.self, PeerShowCommand<AgentKind>.self, PeerLabelCommand<AgentKind>.self,
            PeerRenameCommand<AgentKind>.self, PeerApproveCommand<AgentKind>.self, PeerRevokeCommand<AgentKind>.self,
            AgentRotateKeyCommand.self, TokenCommand<AgentKind>.self, AgentMaintenanceCommand.self,
        ])
}

struct OperatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operator", abstract: "Enroll, look at and revoke operators: people and programs with keys.",
        discussion: """
            Examples:
              bookend operator token create --role viewer
              bookend operator list
              bookend operator rotate-key
              bookend operator revoke alice
            """,
        subcommands: subcommands(of: OperatorKind.self) + [OwnRotateKeyCommand.self])
}

struct CollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collector", abstract: "Enroll, look at and revoke collectors.",
        discussion: """
            Example:
              bookend collector list
              bookend collector rotate-key --status
            """,
        subcommands: subcommands(of: CollectorKind.self) + [CollectorRotateKeyCommand.self])
}

struct SubscriberCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriber", abstract: "Enroll, look at and revoke subscribers: readers of the feed.",
        discussion: """
            Example:
              bookend subscriber list
            """,
        subcommands: subcommands(of: SubscriberKind.self))
}

private func subcommands<Kind: PeerKind>(of kind: Kind.Type) -> [any ParsableCommand.Type] {
    [
        PeerListCommand<Kind>.self, PeerShowCommand<Kind>.self, PeerLabelCommand<Kind>.self,
        PeerRenameCommand<Kind>.self, PeerApproveCommand<Kind>.self, PeerRevokeCommand<Kind>.self,
        TokenCommand<Kind>.self,
    ]
}
