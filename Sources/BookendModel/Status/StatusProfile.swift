/// Which integers the post-script is given.
package enum StatusProfile: Hashable, Sendable {
    /// The table as it is.
    case native
    /// The table folded to 0–4.
    case basic
    /// A map of this name in the agent's own configuration.
    case map(String)

    package init(name: String) {
        switch name {
        case "native": self = .native
        case "basic": self = .basic
        default: self = .map(name)
        }
    }

    package var name: String {
        switch self {
        case .native: "native"
        case .basic: "basic"
        case .map(let name): name
        }
    }
}

extension Status {
    /// The table folded to 0–4: 5 to 0; 6, every reason for a failure and every unknown number to 1.
    package var basic: Status {
        switch self {
        case .successful, .successfulWithErrors: .successful
        case .skipped, .notEnabled, .notAvailable: self
        default: .failed
        }
    }
}

/// The integers that scripts written for another product expect, by our own.
package struct StatusMap: Hashable, Sendable {
    package var numbers: [Status: Int32]

    package init(numbers: [Status: Int32]) {
        self.numbers = numbers
    }

    /// A status that the map does not name is passed as its ``Status/basic`` folding says, through the map if that is
    /// in it.
    package func callAsFunction(_ status: Status) -> Int32 {
        numbers[status] ?? numbers[status.basic] ?? status.basic.rawValue
    }
}
