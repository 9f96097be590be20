package import BookendModel
import FoundationEssentials
import Glibc

/// Where the captured output of scripts and engines lies: one directory a job, one file an attempt, stage and stream.
///
/// Outputs may hold secrets: directories are 0700.
package struct OutputStore: Sendable {
    /// One captured stream.
    package struct Piece: Hashable, Sendable {
        package var attempt: Int
        package var stage: Stage
        package var stream: LogChunk.Stream
        package var path: String
    }

    private let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    /// The file of one stream, its directory made. Failing to make it shows when the file is opened.
    package func file(job: JobID, attempt: Int, stage: Stage, stream: LogChunk.Stream) -> String {
        let folder = "\(directory)/\(job)"
        mkdir(directory, 0o700)
        mkdir(folder, 0o700)
        return "\(folder)/\(attempt).\(stage.rawValue).\(stream.rawValue)"
    }

    /// The streams that there are, in the order in which their stages ran.
    package func pieces(of job: JobID) -> [Piece] {
        // A job without captured output has no directory.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/\(job)")) ?? []
        let pieces = names.compactMap { name -> Piece? in
            let parts = name.split(separator: ".").map(String.init)
            guard parts.count == 3, let attempt = Int(parts[0]), let stage = Stage(rawValue: parts[1]),
                let stream = LogChunk.Stream(rawValue: parts[2])
            else { return nil }
            return Piece(attempt: attempt, stage: stage, stream: stream, path: "\(directory)/\(job)/\(name)")
        }
        return pieces.sorted { left, right in order(left) < order(right) }
    }

    /// Removes the output of jobs below `job`, as many as there are.
    package func prune(keepingNewest count: Int) {
        // A store that is not there yet holds nothing to remove.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let jobs = names.compactMap(Int64.init).sorted()
        for job in jobs.dropLast(count) {
            // Output that cannot be removed now is removed the next time.
            try? FileManager.default.removeItem(atPath: "\(directory)/\(job)")
        }
    }

    private func order(_ piece: Piece) -> (Int, Int, Int) {
        (
            piece.attempt, Stage.allCases.firstIndex(of: piece.stage) ?? 0,
            piece.stream == .standardOutput ? 0 : 1
        )
    }
}
