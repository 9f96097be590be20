import BookendAgent
import BookendModel
import Foundation
import Testing

/// What a restore leaves behind when nothing came.
@Suite struct RestoreTargetTests {
    @Test func `only directories that were made for the restore are removed, and only empty ones`() async throws {
        try await Workbench.with { bench in
            let root = bench.path + "/restore"
            mkdir(root, 0o755)
            let nothing = try RestoreTarget(root + "/a/b", allowed: [root])
            #expect(nothing.removeIfEmpty())
            #expect(try FileManager.default.contentsOfDirectory(atPath: root) == [])

            mkdir(root + "/there", 0o700)
            let there = try RestoreTarget(root + "/there", allowed: [root])
            #expect(there.removeIfEmpty() && FileManager.default.fileExists(atPath: root + "/there"))

            let (full, beside) = (
                try RestoreTarget(root + "/c/full", allowed: [root]),
                try RestoreTarget(root + "/c/empty", allowed: [root])
            )
            mkdir(full.path + "/restored", 0o700)
            #expect(!full.removeIfEmpty() && beside.removeIfEmpty())
            #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/c") == ["full"])
        }
    }

    @Test func `a target that cannot be made leaves nothing behind`() async throws {
        try await Workbench.with { bench in
            let root = bench.path + "/restore"
            mkdir(root, 0o755)
            let long = String(repeating: "x", count: 300)
            let target = try? RestoreTarget(root + "/new/\(long)", allowed: [root])
            let left = try FileManager.default.contentsOfDirectory(atPath: root)
            #expect(target == nil && left == [], "no name may be so long")
        }
    }
}
