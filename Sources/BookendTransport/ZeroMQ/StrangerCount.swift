/// Handshakes of keys that are not admitted, by address, for as long as it takes until somebody is told.
struct StrangerCount {
    /// Addresses that are told apart; the others are counted together.
    static let limit = 16

    private var times: [String: Int64] = [:]
    private var others: Int64 = 0

    mutating func note(at address: String) {
        let address = String(address.prefix(64))
        if times[address] != nil || times.count < Self.limit {
            times[address, default: 0] += 1
        } else {
            others += 1
        }
    }

    /// The address is empty for those that were not told apart.
    var told: [(address: String, times: Int64)] {
        let told = times.sorted { $0.key < $1.key }.map { (address: $0.key, times: $0.value) }
        return others > 0 ? told + [(address: "", times: others)] : told
    }
}
