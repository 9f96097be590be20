import BookendFiles
import Foundation
import Testing
import Yams

/// The schema for editors says what the reader does.
struct SchemaTests {
    private static func schema() throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(Deploy.bytes("schema/policy.schema.json")))
        return try #require(object as? [String: Any])
    }

    @Test func `the schema and the reader know the same keys`() throws {
        let root = try Self.schema()
        for table in PolicyKeys.tables {
            var place = root
            for step in table.path.split(separator: ".") {
                let properties = try #require(place["properties"] as? [String: Any])
                place = try #require(properties[String(step)] as? [String: Any], "\(table.path)")
                place = place["items"] as? [String: Any] ?? place
            }
            let properties = try #require(place["properties"] as? [String: Any])
            #expect(Set(properties.keys) == Set(table.names), "under '\(table.path)'")
            #expect(place["additionalProperties"] as? Bool == false)
            for (key, value) in properties {
                #expect((value as? [String: Any])?["description"] is String, "\(table.path).\(key) has no description")
            }
        }
    }

    @Test func `every table of the reader stands in the schema once`() throws {
        func mappings(_ schema: [String: Any]) -> Int {
            if let items = schema["items"] as? [String: Any] { return mappings(items) }
            let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
            return (properties.isEmpty ? 0 : 1) + properties.values.reduce(0) { $0 + mappings($1) }
        }
        #expect(try mappings(Self.schema()) == PolicyKeys.tables.count)
    }

    @Test func `the example policies agree with the schema`() throws {
        let validator = SchemaValidator(root: try Self.schema())
        for path in try Deploy.policies() {
            let text = try String(decoding: Deploy.bytes(path), as: UTF8.self)
            for document in try Array(Yams.load_all(yaml: text)) {
                #expect(validator.problems(of: document) == [], "\(path)")
            }
        }
    }

    @Test func `a rendered policy agrees with the schema`() throws {
        let validator = SchemaValidator(root: try Self.schema())
        for path in try Deploy.policies() {
            for entry in try PolicyFile.read(bytes: Deploy.bytes(path), file: path) {
                let object = try #require(try Yams.load(yaml: PolicyFile.render(entry.policy)))
                #expect(validator.problems(of: object) == [], "\(path)")
            }
        }
    }

    @Test(arguments: [
        "key-unknown", "policy-missing", "policy-is-no-name", "agents-empty", "agents-ids-is-a-name", "backup-missing",
        "backup-repository-is-a-url", "backup-sources-empty", "backup-source-relative", "backup-source-climbs",
        "backup-engine-unknown", "backup-keys-of-another-engine", "backup-program-without-engine",
        "scripts-directory-missing", "scripts-timeout-without-unit", "scripts-timeout-malformed",
        "scripts-timeout-twice", "scripts-sha256-malformed", "scripts-left-processes-keep-before",
        "retry-attempts-zero", "retry-is-a-number", "schedules-without-a-time", "schedules-two-forms",
        "schedules-days-unknown", "schedules-days-empty", "schedules-days-weekly", "schedules-days-without-start",
        "schedules-start-without-days", "schedules-start-beside-cron", "schedules-start-late",
        "schedules-timezone-beside-at", "schedules-timezone-malformed",
    ])
    func `the schema refuses what the reader refuses`(name: String) throws {
        let validator = SchemaValidator(root: try Self.schema())
        let file = try #require(try WrongFile.all(in: "WrongPolicies").first { $0.name == name + ".yaml" })
        let object = try #require(try Yams.load(yaml: String(decoding: file.bytes, as: UTF8.self)))
        #expect(validator.problems(of: object) != [])
    }
}

/// As much of JSON Schema as our own schema uses; an unknown keyword is a problem, so that none is passed over.
struct SchemaValidator {
    let root: [String: Any]

    private static let annotations: Set<String> = ["$schema", "title", "description", "default", "$defs"]

    func problems(of value: Any) -> [String] { check(value, root, at: "") }

    private func check(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        schema.keys.sorted().filter { !Self.annotations.contains($0) }.flatMap { keyword in
            check(value, keyword, schema[keyword] ?? "", in: schema, at: path).map { "\(path) \(keyword): \($0)" }
        }
    }

    private func isValid(_ value: Any, _ schema: Any?) -> Bool {
        (schema as? [String: Any]).map { check(value, $0, at: "").isEmpty } ?? true
    }

    private func check(_ value: Any, _ keyword: String, _ rule: Any, in schema: [String: Any], at path: String)
        -> [String]
    {
        let object = value as? [String: Any]
        let array = value as? [Any]
        let text = value as? String
        let number = value as? Int
        let limit = rule as? Int ?? 0
        func unless(_ holds: Bool) -> [String] { holds ? [] : ["\(value)"] }
        switch keyword {
        case "$ref":
            let name = String((rule as? String ?? "").split(separator: "/").last ?? "")
            let definitions = root["$defs"] as? [String: [String: Any]] ?? [:]
            return definitions[name].map { check(value, $0, at: path) } ?? ["no definition \(name)"]
        case "type":
            let names = rule as? [String] ?? [rule as? String ?? ""]
            return unless(names.contains { isValue(value, of: $0) })
        case "required":
            return unless(object.map { keys in (rule as? [String] ?? []).allSatisfy { keys[$0] != nil } } ?? true)
        case "properties":
            return (rule as? [String: [String: Any]] ?? [:]).flatMap { key, rule in
                (object?[key]).map { check($0, rule, at: "\(path).\(key)") } ?? []
            }
        case "additionalProperties":
            let known = schema["properties"] as? [String: Any] ?? [:]
            return (object ?? [:]).filter { known[$0.key] == nil }.flatMap { key, value in
                (rule as? [String: Any]).map { check(value, $0, at: "\(path).\(key)") } ?? [key]
            }
        case "propertyNames": return unless((object ?? [:]).keys.allSatisfy { isValid($0, rule) })
        case "items": return (array ?? []).flatMap { check($0, rule as? [String: Any] ?? [:], at: path + "[]") }
        case "enum": return unless((rule as? [String] ?? []).contains(text ?? ""))
        case "const":
            return unless(rule as? String == text && text != nil || rule as? Bool == value as? Bool && value is Bool)
        case "pattern":
            return unless(text.map { $0.range(of: rule as? String ?? "", options: .regularExpression) != nil } ?? true)
        case "minItems": return unless(array.map { $0.count >= limit } ?? true)
        case "maxItems": return unless(array.map { $0.count <= limit } ?? true)
        case "minProperties": return unless(object.map { $0.count >= limit } ?? true)
        case "maxProperties": return unless(object.map { $0.count <= limit } ?? true)
        case "minLength": return unless(text.map { $0.count >= limit } ?? true)
        case "maxLength": return unless(text.map { $0.count <= limit } ?? true)
        case "minimum": return unless(number.map { $0 >= limit } ?? true)
        case "maximum": return unless(number.map { $0 <= limit } ?? true)
        case "not": return unless(!isValid(value, rule))
        case "anyOf": return unless((rule as? [Any] ?? []).contains { isValid(value, $0) })
        case "if":
            let branch = isValid(value, rule) ? schema["then"] : schema["else"]
            return (branch as? [String: Any]).map { check(value, $0, at: path) } ?? []
        case "then", "else": return []
        default: return ["the validator does not know this keyword"]
        }
    }

    private func isValue(_ value: Any, of type: String) -> Bool {
        switch type {
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "boolean": value is Bool
        case "integer": value is Int
        case "number": value is Int || value is Double
        default: false
        }
    }
}
