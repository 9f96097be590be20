import BookendModel
import FoundationEssentials

/// One line of `restic backup --json`, as far as it is understood; anything else is text.
struct ResticMessage: Decodable {
    struct Failure: Decodable {
        var message: String?
        var Op: String?
        var Path: String?
    }
    var message_type: String
    var percent_done: Double?
    var bytes_done: Int64?
    var total_bytes: Int64?
    var files_done: Int64?
    var data_added: Int64?
    var total_files_processed: Int64?
    var total_bytes_processed: Int64?
    var snapshot_id: String?
    var item: String?
    var during: String?
    var error: Failure?

    /// `nil` for text, and for a line that is cut off or hostile.
    static func decode(_ line: String) -> ResticMessage? {
        guard line.utf8.first == UInt8(ascii: "{") else { return nil }
        return try? JSONDecoder().decode(ResticMessage.self, from: Data(line.utf8))  // Not JSON is text.
    }
}

/// What the lines of one backup add up to.
struct ResticTally: Sendable {
    var snapshotID: String?
    var bytesAdded: Int64?
    var bytesProcessed: Int64?
    var filesProcessed: Int64?
    /// At most 20, each at most 512 bytes.
    private(set) var errors: [String] = []
    private(set) var texts: [String] = []
    private(set) var sourceIsMissing = false
    /// As restic said them, to decide by; never to be shown. A password may be a word of restic's messages.
    private(set) var unredactedTexts: [String] = []
    private let secrets: SecretTexts

    /// - Parameter secrets: What restic may repeat in a message, and nobody may read there.
    init(hiding secrets: SecretTexts = .none) {
        self.secrets = secrets
    }

    mutating func take(_ line: StageLine) -> BackupProgress? {
        guard let message = ResticMessage.decode(line.text) else {
            if line.isError { takeText(line.text) }
            return nil
        }
        switch message.message_type {
        case "status":
            return BackupProgress(
                fractionDone: min(1, max(0, message.percent_done ?? 0)), bytesDone: message.bytes_done ?? 0,
                bytesTotal: message.total_bytes ?? 0, filesDone: message.files_done ?? 0)
        case "summary":
            snapshotID = message.snapshot_id
            bytesAdded = message.data_added
            bytesProcessed = message.total_bytes_processed
            filesProcessed = message.total_files_processed
        case "error":
            let what = message.item ?? message.error?.Path ?? "unknown file"
            note("\(what): \(message.error?.message ?? message.error?.Op.map { "cannot \($0)" } ?? "cannot be read")")
        default: break
        }
        return nil
    }

    private mutating func takeText(_ text: String) {
        guard !text.isEmpty else { return }
        if text.hasSuffix(" does not exist, skipping") {
            sourceIsMissing = true
            note(text)
        }
        if unredactedTexts.count < 50 { unredactedTexts.append(String(text.prefix(512))) }
        if texts.count < 50 { texts.append(String(secrets.redacted(text).prefix(512))) }
    }

    private mutating func note(_ text: String) {
        if errors.count < 20 {
            errors.append(String(decoding: secrets.redacted(text).utf8.prefix(512), as: UTF8.self))
        }
    }

    /// What is wrong with a snapshot's id, as restic's messages say it; `nil`: they say nothing of it.
    func mistake(in snapshot: String, of repository: RepositoryName) -> String? {
        let all = unredactedTexts.joined(separator: "\n")
        let list = "bookend snapshots --agent AGENT --repository \(repository)"
        if all.contains("multiple IDs with prefix") {
            return
                "several snapshots of repository \(repository) begin with \(snapshot): name more of its id: \(list)"
        }
        guard all.contains("no matching ID found") || all.contains("no snapshot found") else { return nil }
        return "repository \(repository) has no snapshot \(snapshot); those that it has: \(list)"
    }

    /// The status by exit code; where restic says 1 for everything its messages decide.
    func status(exitCode: Int32) -> Status {
        switch exitCode {
        case 0: return sourceIsMissing || !errors.isEmpty ? .successfulWithErrors : .successful
        case 3: return snapshotID == nil ? .failed : .successfulWithErrors
        case 10: return .repositoryMissing
        case 11: return .repositoryLocked
        case 12: return .wrongCredentials
        case 1:
            let all = unredactedTexts.joined(separator: "\n")
            if all.contains("wrong password or no key found") || all.contains("Resolving password failed") {
                return .wrongCredentials
            }
            if all.contains("repository is already locked") || all.contains("unable to create lock") {
                return .repositoryLocked
            }
            if all.contains("Is there a repository at the following location?") { return .repositoryMissing }
            return .failed
        default: return .failed
        }
    }
}
