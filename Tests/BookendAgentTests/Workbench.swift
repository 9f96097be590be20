import BookendAgent
import BookendFiles
import BookendModel
import Foundation
import Glibc

/// A folder of its own for one test, below directories that only root can write; removed at the end.
struct Workbench {
    let path: String
    let process = StageProcess(supervisor: Workbench.products + "/bookend-supervisor")

    static let products: String = {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path + "/bookend-supervisor") {
            folder.deleteLastPathComponent()
        }
        return folder.path
    }()

    static func with<Value>(_ body: (Workbench) async throws -> Value) async throws -> Value {
        let bench = Workbench(path: "/var/lib/bookend-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            atPath: bench.path + "/scripts", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        chmod(bench.path, 0o755)
        mkdir(bench.path + "/state", 0o700)
        defer { try? FileManager.default.removeItem(atPath: bench.path) }  // A test's rubbish, no more.
        return try await body(bench)
    }

    var plan: ScriptPlan { ScriptPlan(directory: path + "/scripts") }
    var guarding: GuardConfiguration {
        var guarding = GuardConfiguration()
        guarding.scriptDirectories = [AgentConfiguration.ScriptDirectory(path: path + "/scripts")]
        return guarding
    }

    var stage: ScriptStage {
        ScriptStage(
            process: process, guarding: guarding, home: "/root", copies: ScriptCopies(stateDirectory: path + "/state"))
    }

    func script(_ text: String, name: String = "pre_script.sh") throws {
        let file = path + "/scripts/" + name
        try ("#!/bin/bash\n" + text + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        chmod(file, 0o755)
    }

    func text(_ name: String) -> String {
        (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) ?? "(no file)"  // A test sees it missing.
    }

    func pre(_ plan: ScriptPlan? = nil, handle: StageHandle = StageHandle()) async -> StageResult {
        await stage.runPre(
            plan ?? self.plan, job: JobID(rawValue: 7), facts: ["JOB_ID": "7"],
            files: StageFiles(stdout: path + "/out", stderr: path + "/err", result: path + "/result"), handle: handle)
    }

    func isAlive(_ file: String) -> Bool {
        guard let pid = pid_t(text(file).trimmingCharacters(in: .whitespacesAndNewlines)) else { return false }
        // Gone.
        guard let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
        return !state.contains(") Z")
    }
}
