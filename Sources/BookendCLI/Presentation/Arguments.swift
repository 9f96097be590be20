import ArgumentParser
import BookendFiles
package import BookendModel

// What people type, as values. A text that is no value is a usage error (exit status 2) that says what was expected.

extension JobID: ExpressibleByArgument {
    package init?(argument: String) {
        guard let number = Int64(argument), number > 0 else { return nil }
        self.init(rawValue: number)
    }
}

extension AgentID: ExpressibleByArgument {
    package init?(argument: String) { self.init(checking: argument) }
}

extension PolicyName: ExpressibleByArgument {
    package init?(argument: String) { self.init(checking: argument) }
}

extension RepositoryName: ExpressibleByArgument {
    package init?(argument: String) { self.init(checking: argument) }
}

extension Stage: ExpressibleByArgument {}

extension StagedFault.Kind: ExpressibleByArgument {}

extension Status: ExpressibleByArgument {
    /// A name or a number of the table; another number is taken as it is.
    package init?(argument: String) {
        if let number = Int32(argument) {
            self.init(rawValue: number)
        } else if let entry = Status.table.first(where: { $0.name == argument.lowercased() }) {
            self = entry.status
        } else {
            return nil
        }
    }
}

/// `30s`, `10m`, `24h`, `7d`, `1h30m`
struct DurationArgument: ExpressibleByArgument, Sendable {
    var duration: Duration

    init(duration: Duration) { self.duration = duration }

    var defaultValueDescription: String { DurationText.render(duration) }

    init?(argument: String) {
        do {
            duration = try DurationText.parse(argument)
        } catch {
            return nil
        }
    }
}

/// `2026-11-24T02:00:00Z`
struct InstantArgument: ExpressibleByArgument, Sendable {
    var time: UnixTime

    init?(argument: String) {
        guard let time = InstantText.parse(argument) else { return nil }
        self.time = time
    }
}

/// `key=value`
struct LabelArgument: ExpressibleByArgument, Sendable {
    var key: String
    var value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        key = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
    }
}
