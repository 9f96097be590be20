package import Logging
import Synchronization

/// What a daemon under test has logged.
package final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    package init() {}

    package func append(_ line: String) { lines.withLock { $0.append(line) } }

    package var all: [String] { lines.withLock { $0 } }

    package func all(with text: String) -> [String] { all.filter { $0.contains(text) } }
}

/// Keeps lines as a daemon prints them: the message, then `key=value`.
package struct KeptLog: LogHandler {
    package let lines: LogLines
    package var metadata: Logger.Metadata = [:]
    package var logLevel = Logger.Level.info

    package init(lines: LogLines) {
        self.lines = lines
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
        lines.append("\(event.message)\(pairs.joined())")
    }
}
