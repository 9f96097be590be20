import ArgumentParser
package import BookendModel

/// `bookend agent token …`, and the same for the others.
struct TokenCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "token", abstract: "Make, list and revoke the tokens by which one enrolls.",
            discussion: """
                Examples:
                  bookend \(Kind.word) token create\(Kind.role == .operator ? " --role viewer" : "")
                  bookend \(Kind.word) token list
                  bookend \(Kind.word) token revoke 3
                """,
            subcommands: [
                Kind.role == .operator ? OperatorTokenCreateCommand.self : TokenCreateCommand<Kind>.self,
                TokenListCommand<Kind>.self, TokenRevokeCommand<Kind>.self,
            ])
    }
}

struct TokenOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A label that its bearers get; may be repeated.", valueName: "key=value"))
    var label: [LabelArgument] = []
    @Option(help: "The name that its one bearer gets; otherwise the bearer chooses.")
    var name: AgentID?
    @Option(help: ArgumentHelp("How many can enroll with it, 1 to 10000.", valueName: "number"))
    var uses = 1
    @Option(help: ArgumentHelp("How long it can be used, 1s to 30d; otherwise 1h.", valueName: "duration"))
    var ttl: DurationArgument?
    @Flag(
        inversion: .prefixedNo,
        help: "An operator must approve each bearer; otherwise as the coordinator's configuration says.")
    var approve: Bool?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func make(_ peerRole: PeerRole, _ role: OperatorRole? = nil, next: String) async throws {
        let draft = TokenDraft(
            peerRole: peerRole, operatorRole: role, name: name?.rawValue,
            labels: Dictionary(label.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }), uses: uses,
            lifetime: ttl?.duration ?? .seconds(3_600), needsApproval: approve)
        if let problem = draft.problem { throw ValidationError(problem) }
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .tokenMade(let token, let text) = try await coordinator.control(.createToken(draft)) else {
            throw coordinator.unexpected()
        }
        output.write(token.document + .object(["text": .text(text)])) { _ in [text] }
        guard output.output == .table else { return }
        let approval = token.needsApproval ? ", and an operator must approve them" : ""
        Output.note(
            """
            token \(token.id): \(Phrases.count(token.usesLeft, "use")), until \(token.expires.rfc3339)\(approval).
            It is shown once, and is a secret. On the other machine: \(next)
            """)
    }
}

struct TokenCreateCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "create", abstract: "Make a token, which is printed once.",
            discussion: """
                Examples:
                  bookend \(Kind.word) token create --ttl 10m
                  bookend \(Kind.word) token create --name \(Kind.example)
                  bookend \(Kind.word) token create --label site=north --uses 40 --approve
                """)
    }

    @OptionGroup var options: TokenOptions

    func run() async throws {
        let next =
            switch Kind.role {
            case .agent, .collector: "bookend-\(Kind.word) enroll TOKEN"
            case .operator, .subscriber, .coordinator: "bookend login TOKEN"
            }
        try await options.make(Kind.role, next: next)
    }
}

struct OperatorTokenCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a token, which is printed once.",
        discussion: """
            A viewer sees, an operator starts and cancels, an admin changes.

            Examples:
              bookend operator token create --role viewer
              bookend operator token create --role admin --name alice --ttl 10m
            """)

    @Option(help: "viewer, operator or admin.")
    var role: OperatorRole
    @OptionGroup var options: TokenOptions

    func run() async throws {
        try await options.make(.operator, role, next: "bookend login TOKEN")
    }
}

struct TokenListCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "list", abstract: "List the tokens that can still be used.",
            discussion: """
                Examples:
                  bookend \(Kind.word) token list
                  bookend \(Kind.word) token list --all --output json
                """)
    }

    @Flag(help: "Those that are used up, expired or revoked too.")
    var all = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .tokens(let known) = try await coordinator.control(.listTokens) else {
            throw coordinator.unexpected()
        }
        let now = UnixTime.now
        let tokens = known.filter { $0.allows.peerRole == Kind.role && (all || $0.isLive(at: now)) }
        output.write(.object(["tokens": .list(tokens.map(\.document))])) { terminal in
            guard !tokens.isEmpty else { return ["no token can be used"] }
            return PeerTables.tokens(tokens, now: now).lines(terminal)
        }
    }
}

struct TokenRevokeCommand<Kind: PeerKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "revoke", abstract: "Make a token worthless.",
            discussion: """
                Whoever has come in with it stays in: bookend \(Kind.word) revoke shuts them
                out.

                Example:
                  bookend \(Kind.word) token revoke 3
                """)
    }

    @Argument(help: "The token's number.")
    var token: TokenID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        guard case .tokens(let tokens) = try await coordinator.control(.revokeToken(token)) else {
            throw coordinator.unexpected()
        }
        output.write(.object(["tokens": .list(tokens.map(\.document))])) { _ in
            tokens.map { "token \($0.id) is revoked" }
        }
    }
}

extension TokenID: ExpressibleByArgument {
    package init?(argument: String) {
        guard let number = Int64(argument), number > 0 else { return nil }
        self.init(rawValue: number)
    }
}

extension OperatorRole: ExpressibleByArgument {}
