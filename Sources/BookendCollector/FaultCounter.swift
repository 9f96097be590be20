import BookendModel
import Logging

/// Counts what should not arrive, and logs it at most once a minute.
struct FaultCounter {
    private var counts: [String: Int] = [:]
    private var latest = ""
    private var nextLog: BootTime?

    mutating func count(_ kind: String, from sender: (any CustomStringConvertible)? = nil, _ text: String = "") {
        counts[kind, default: 0] += 1
        latest = [sender.map { "\($0)" }, text].compactMap(\.self).joined(separator: ": ")
    }

    mutating func log(to logger: Logger, at now: BootTime) {
        guard !counts.isEmpty, nextLog.map({ now >= $0 }) ?? true else { return }
        nextLog = now + .seconds(60)
        var metadata: Logger.Metadata = ["latest": "\(latest)"]
        for (kind, count) in counts { metadata[kind] = "\(count)" }
        logger.warning("messages were dropped", metadata: metadata)
        counts = [:]
    }
}
