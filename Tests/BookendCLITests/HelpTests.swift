import ArgumentParser
import Testing

@testable import BookendCLI

/// The commands as a tree, and what their help says.
struct HelpTests {
    /// Every command with the words that name it, its groups first.
    static let tree: [(path: String, command: any ParsableCommand.Type)] = walk("bookend", BookendCommand.self)

    private static func walk(
        _ path: String, _ command: any ParsableCommand.Type
    ) -> [(path: String, command: any ParsableCommand.Type)] {
        [(path, command)]
            + command.configuration.subcommands.flatMap { walk("\(path) \($0.configuration.commandName ?? "?")", $0) }
    }

    @Test func `every command's help has an example that begins as it is typed`() {
        #expect(Self.tree.count > 70)
        for (path, command) in Self.tree {
            let lines = command.configuration.discussion.split(separator: "\n")
            #expect(
                lines.contains { $0.hasPrefix("  ") && ($0 + " ").contains("\(path) ") }
                    || lines.contains { $0.hasPrefix("  ") && $0.contains("bookend ") && path == "bookend job show" },
                "\(path)")
            #expect(lines.contains { $0.hasPrefix("Example") }, "\(path)")
        }
    }

    @Test func `no help is wrapped twice`() {
        for (path, command) in Self.tree {
            for line in (command.configuration.discussion + "\n" + command.configuration.abstract).split(
                separator: "\n")
            {
                #expect(line.count <= 80, "\(path): \(line)")
            }
        }
    }
}
