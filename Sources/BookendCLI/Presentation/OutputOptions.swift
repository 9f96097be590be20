import ArgumentParser

enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    case table, json, yaml
}

struct OutputOptions: ParsableArguments {
    @Option(name: [.short, .long], help: ArgumentHelp("For people or for programs.", valueName: "format"))
    var output = OutputFormat.table

    /// Writes the table's lines, or the document.
    func write(_ document: @autoclosure () -> Document, lines: (Terminal) -> [String]) {
        switch output {
        case .table: for line in lines(.current) { Output.write(line + "\n") }
        case .json: Output.write(document().json)
        case .yaml: Output.write(document().yaml)
        }
    }
}
