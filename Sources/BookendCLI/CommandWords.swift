import ArgumentParser
import BookendFiles

/// The words at the beginning of a command line that name a command.
///
/// The parser takes a mistyped one for an argument and complains of its number; here it is looked at first.
enum CommandWords {
    /// - Parameter words: What was typed behind the program's name.
    /// - Throws: ``CLIError``: a word that stands where a command belongs is none.
    static func check(_ words: [String], root: any ParsableCommand.Type) throws(CLIError) {
        var words = words[...]
        if words.first == "help" { words.removeFirst() }
        var command = root
        var path: [String] = []
        while let word = words.popFirst(), !word.hasPrefix("-") {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty else { return }
            if let found = subcommands.first(where: { $0.names.contains(word) }) {
                command = found
                path.append(word)
                continue
            }
            let near = Nearest.match(word, among: subcommands.map { $0.name })
            // What follows may be an argument of the command that is meant when none is named.
            if command.configuration.defaultSubcommand != nil, near == nil || word.allSatisfy(\.isNumber) { return }
            throw CLIError(.usage, message(path, word, near: near))
        }
    }

    private static func message(_ path: [String], _ word: String, near: String?) -> String {
        let typed = (path + [word]).joined(separator: " ")
        guard let near else {
            let all = (["bookend"] + path + ["--help"]).joined(separator: " ")
            return "no command '\(typed)': \(all) lists those that there are"
        }
        return "no command '\(typed)': did you mean \((path + [near]).joined(separator: " "))?"
    }
}

extension ParsableCommand {
    /// As it is typed.
    fileprivate static var name: String { configuration.commandName ?? _commandName }
    fileprivate static var names: [String] { [name] + configuration.aliases }
}
