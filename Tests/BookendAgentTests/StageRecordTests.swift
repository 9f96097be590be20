import BookendModel
import Foundation
import Glibc
import Testing

@testable import BookendAgent

/// Records of what runs, on a disk that is full.
@Suite(.timeLimit(.minutes(5)), .enabled(if: geteuid() == 0, "only root can mount a small disk"))
struct StageRecordTests {
    private func withSmallDisk(_ body: (Workbench, _ disk: String) async throws -> Void) async throws {
        try await Workbench.with { bench in
            let disk = bench.path + "/disk"
            mkdir(disk, 0o700)
            try #require(mount("tmpfs", disk, "tmpfs", 0, "size=256k") == 0)
            defer { umount2(disk, Int32(MNT_DETACH)) }
            try bench.script("touch \(bench.path)/started")
            try await body(bench, disk)
        }
    }

    /// Everything that is left, to the last page.
    private func fill(_ disk: String) {
        let file = open(disk + "/ballast", O_WRONLY | O_CREAT, 0o600)
        let chunk = [UInt8](repeating: 1, count: 4_096)
        while write(file, chunk, chunk.count) > 0 {}
        close(file)
    }

    private func program(_ bench: Workbench, recordedIn record: String) -> StageProgram {
        var program = StageProgram(path: bench.path + "/scripts/pre_script.sh")
        program.resultFile = record
        return program
    }

    @Test func `a program that could not be found again does not start, and the reason is named`() async throws {
        try await withSmallDisk { bench, disk in
            fill(disk)
            let outcome = await bench.process.run(program(bench, recordedIn: disk + "/record"))
            guard case .couldNotStart(let reason) = outcome.ending else {
                Issue.record("it ended so: \(outcome.ending)")
                return
            }
            #expect(reason.contains(disk + "/record") && reason.contains("No space left on device"), "\(reason)")
            #expect(bench.text("started") == "(no file)")
            let nowhere = await bench.process.run(program(bench, recordedIn: disk + "/no/record"))
            guard case .couldNotStart(let reason) = nowhere.ending else {
                Issue.record("it ended so: \(nowhere.ending)")
                return
            }
            #expect(reason.contains("No such file or directory") && bench.text("started") == "(no file)")
        }
    }

    @Test func `an owed program runs, recorded or not`() async throws {
        try await withSmallDisk { bench, disk in
            fill(disk)
            var program = program(bench, recordedIn: disk + "/record")
            program.mayRunUnrecorded = true
            let outcome = await bench.process.run(program)
            #expect(outcome.ending == .exited(0) && bench.text("started") != "(no file)")
        }
    }

    @Test func `what was reserved is enough, and is not to be had on a disk that is full already`() async throws {
        try await withSmallDisk { bench, disk in
            let running = RunningStages(stateDirectory: disk)
            let record = running.record(job: 7, attempt: 1, stage: .preScript)
            #expect(running.reserve(record) == nil)
            fill(disk)
            #expect(running.reserve(record) == nil, "it is there already")
            for _ in 1...2 {
                // The second program of a stage finds nothing of the first one.
                let outcome = await bench.process.run(program(bench, recordedIn: record))
                #expect(outcome.ending == .exited(0))
                let text = try String(contentsOfFile: record, encoding: .utf8)
                let words = text.prefix { $0 != "\0" }.split(separator: "\n").compactMap {
                    $0.split(separator: " ").first
                }
                #expect(words == ["supervisor", "program", "exited"] && text.utf8.count == 512, "\(text)")
            }
            let other = try #require(running.reserve(running.record(job: 7, attempt: 1, stage: .backup)))
            #expect(other.contains("No space left on device"), "\(other)")
        }
    }
}
