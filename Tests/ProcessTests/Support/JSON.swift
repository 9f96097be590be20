import Foundation

/// Any JSON, for what the CLI prints.
enum JSON: Decodable, Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {  // Otherwise the next kind is tried.
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {  // The same.
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {  // The same.
            self = .double(value)
        } else if let value = try? container.decode(String.self) {  // The same.
            self = .text(value)
        } else if let value = try? container.decode([JSON].self) {  // The same.
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    init(parsing text: String) throws {
        do {
            self = try JSONDecoder().decode(JSON.self, from: Data(text.utf8))
        } catch {
            throw Missed(description: "not JSON: \(text.prefix(500))")
        }
    }

    subscript(key: String) -> JSON {
        if case .object(let members) = self { members[key] ?? .null } else { .null }
    }

    var list: [JSON] { if case .list(let items) = self { items } else { [] } }
    var object: [String: JSON] { if case .object(let members) = self { members } else { [:] } }
    var int: Int64? { if case .int(let value) = self { value } else { nil } }
    var text: String? { if case .text(let value) = self { value } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// Every value of this key, at any depth, in order of appearance in lists.
    func all(_ key: String) -> [JSON] {
        switch self {
        case .object(let members):
            (members[key].map { [$0] } ?? [])
                + members.keys.sorted().filter { $0 != key }.flatMap { members[$0]!.all(key) }
        case .list(let items): items.flatMap { $0.all(key) }
        default: []
        }
    }
}
