import ArgumentParser

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Apply, look at and compare policies.",
        discussion: """
            Examples:
              bookend policy validate policies/
              bookend policy diff policies/
              bookend policy apply policies/ nightly-db.yaml
              bookend policy show nightly-web > nightly-web.yaml
              bookend policy history nightly-web
              bookend policy rollback nightly-web --to 3
              bookend policy pause nightly-web --for 2h --reason "storage is moved"
            """,
        subcommands: [
            PolicyApplyCommand.self, PolicyValidateCommand.self, PolicyDiffCommand.self, PolicyListCommand.self,
            PolicyShowCommand.self, PolicyHistoryCommand.self, PolicyRollbackCommand.self, PolicyDeleteCommand.self,
            PolicyPauseCommand.self, PolicyResumeCommand.self,
        ])
}

struct PolicyFiles: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "YAML files, directories of *.yaml and *.yml files, or - for standard input.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]
}
