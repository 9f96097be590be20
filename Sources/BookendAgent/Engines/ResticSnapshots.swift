import BookendModel
import FoundationEssentials

extension ResticEngine {
    /// Lists the snapshots that carry all of these tags, at most `limit`, the latest last.
    ///
    /// - Returns: The snapshots, or `nil` and why in the result. An empty repository is not an error.
    package func snapshots(
        tags: [String] = [], limit: Int = 1_000, handle: StageHandle = StageHandle()
    ) async -> (snapshots: [ResticSnapshot]?, result: StageResult) {
        var arguments = ["snapshots", "--json"]
        if !tags.isEmpty { arguments += ["--tag", tags.joined(separator: ",")] }
        // restic prints the whole list in one line: it goes to a file, as lines are bounded.
        let file = "\(stateDirectory)/snapshots-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: file) }  // It was never made when restic could not start.
        let (outcome, tally) = await run(arguments, StageFiles(stdout: file, limit: 64 << 20), handle)
        let result = tally.result(of: outcome)
        guard result.status == .successful else { return (nil, result) }
        guard outcome.bytesLeftOut == 0, let data = FileManager.default.contents(atPath: file),
            let all = ResticSnapshot.list(data)
        else { return (nil, StageResult(.failed, reason: "restic's list of snapshots cannot be read")) }
        return (Array(all.suffix(limit)), result)
    }

    /// Restores a snapshot, or the paths of it that are named, into a directory. The caller has checked that the
    /// directory is one that this server allows.
    package func restore(
        snapshot: String, into directory: String, paths: [String] = [], files: StageFiles = StageFiles(),
        handle: StageHandle = StageHandle()
    ) async -> StageResult {
        guard !snapshot.hasPrefix("-") else {
            return StageResult(.refused, reason: "\(snapshot) is not a snapshot's id")
        }
        var arguments = ["restore", "--target", directory]
        for path in paths { arguments += ["--include", path] }
        let (outcome, tally) = await run(arguments + ["--", snapshot], files, handle)
        var result = tally.result(of: outcome)
        if result.status == .failed, let mistake = tally.mistake(in: snapshot, of: plan.repository) {
            result.details.reason = mistake
        }
        return result
    }
}
