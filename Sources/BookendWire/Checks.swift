import BookendModel

// What every field that comes from outside must pass on its way into the model.

extension Name {
    init(wire text: String, _ field: String) throws(WireError) {
        guard let name = Self(checking: text) else {
            throw WireError(.invalid, "\(field): not a name of 1 to 128 characters A–Z a–z 0–9 . _ -")
        }
        self = name
    }
}

extension JobID {
    init(wire number: Int64, _ field: String = "job_id") throws(WireError) {
        guard number > 0 else { throw WireError(.invalid, "\(field): \(number) is not positive") }
        self.init(rawValue: number)
    }
}

extension String {
    /// The text, when it is at most `limit` bytes long.
    func bounded(_ limit: Int, _ field: String) throws(WireError) -> String {
        guard utf8.count <= limit else {
            throw WireError(.invalid, "\(field): \(utf8.count) bytes are more than \(limit)")
        }
        return self
    }
}

extension Array {
    /// The elements, when there are at most `limit`.
    func bounded(_ limit: Int, _ field: String) throws(WireError) -> [Element] {
        guard count <= limit else { throw WireError(.invalid, "\(field): \(count) elements are more than \(limit)") }
        return self
    }
}

extension Int32 {
    func within(_ range: ClosedRange<Int32>, _ field: String) throws(WireError) -> Int {
        guard range.contains(self) else { throw WireError(.invalid, "\(field): \(self) is not in \(range)") }
        return Int(self)
    }
}

extension Dictionary where Key == String, Value == String {
    /// Labels: at most 64, keys and values at most 256 bytes.
    func checkedAsLabels(_ field: String) throws(WireError) -> [String: String] {
        guard count <= 64 else { throw WireError(.invalid, "\(field): \(count) labels are more than 64") }
        for (key, value) in self {
            _ = try key.bounded(256, field)
            _ = try value.bounded(256, field)
        }
        return self
    }
}

/// A message field that must be there.
func required<T>(_ value: T?, _ field: String) throws(WireError) -> T {
    guard let value else { throw WireError(.invalid, "\(field): missing") }
    return value
}
