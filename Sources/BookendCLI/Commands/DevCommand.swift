import ArgumentParser

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a whole fleet on this machine, to try.",
        discussion: """
            A placeholder.
            """)

    func run() async throws {}
}
