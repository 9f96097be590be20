import BookendAgent
import BookendDigest
import BookendFiles
import BookendModel
import BookendTestSupport
import Foundation
import Glibc
import Testing

/// What the server's own configuration allows, whatever a policy asks for.
@Suite struct GuardTests {
    private func find(_ bench: Workbench, _ directory: String, _ guarding: GuardConfiguration? = nil) -> ScriptFinding {
        ScriptFinding.find("pre_script.sh", in: directory, guarding: guarding ?? bench.guarding)
    }

    private func reason(_ finding: ScriptFinding) -> String {
        if case .refused(let reason) = finding { reason } else { "\(finding)" }
    }

    private func digest(_ bench: Workbench, _ name: String = "pre_script.sh") throws -> String {
        "\(SHA256.hash(try Data(contentsOf: URL(fileURLWithPath: bench.path + "/scripts/" + name))))"
    }

    @Test func `a path that climbs is refused, also where it comes back`() async throws {
        try await Workbench.with { bench in
            try bench.script("exit 0")
            #expect(find(bench, bench.path + "/scripts") != .missing)
            for directory in ["/scripts/../scripts", "/scripts/../../tmp", "/scripts/x/.."] {
                #expect(reason(find(bench, bench.path + directory)).contains("holds '..'"))
            }
            #expect(find(bench, bench.path + "/nothing") == .missing)
        }
    }

    @Test func `a link may lead to a script only by way of places that others cannot write`() async throws {
        try await Workbench.with { bench in
            try bench.script("exit 0")
            let p = bench.path
            // scripts/web → open/web → scripts/real, where `open` is everybody's.
            for folder in ["/scripts/real", "/open"] { mkdir(p + folder, 0o755) }
            rename(p + "/scripts/pre_script.sh", p + "/scripts/real/pre_script.sh")
            symlink(p + "/open/web", p + "/scripts/web")
            symlink("../scripts/real", p + "/open/web")
            guard case .ready(let script) = find(bench, p + "/scripts/web") else {
                Issue.record("\(find(bench, p + "/scripts/web"))")
                return
            }
            #expect(script.path == p + "/scripts/web/pre_script.sh")
            #expect(script.realPath == p + "/scripts/real/pre_script.sh")
            for mode in [0o777, 0o1777, 0o775] as [mode_t] {
                chmod(p + "/open", mode)
                #expect(reason(find(bench, p + "/scripts/web")).contains("/open can be written by others"))
            }
            chmod(p + "/open", 0o755)
            chown(p + "/open", 4_711, 4_711)
            #expect(reason(find(bench, p + "/scripts/web")).contains("/open belongs to user 4711"))
            symlink(p + "/scripts/around", p + "/scripts/around")
            #expect(reason(find(bench, p + "/scripts/around")).contains("symbolic links"))
        }
    }

    @Test func `who runs a script may own it, nobody else but root and the agent's user`() async throws {
        try await Workbench.with { bench in
            try bench.script("exit 0")
            let nobody = try #require(ScriptUser.find("nobody"))
            var guarding = bench.guarding
            guarding.scriptDirectories.append(
                AgentConfiguration.ScriptDirectory(path: bench.path + "/scripts/app", user: "nobody"))
            mkdir(bench.path + "/scripts/app", 0o755)
            rename(bench.path + "/scripts/pre_script.sh", bench.path + "/scripts/app/pre_script.sh")
            for path in ["/scripts/app", "/scripts/app/pre_script.sh"] {
                chown(bench.path + path, nobody.uid, nobody.gid)
            }
            // The innermost directory decides who runs it.
            guard case .ready(let script) = find(bench, bench.path + "/scripts/app", guarding) else {
                Issue.record("\(find(bench, bench.path + "/scripts/app", guarding))")
                return
            }
            #expect(script.user == nobody && !script.mayGainPrivileges)
            #expect(reason(find(bench, bench.path + "/scripts/app")).contains("belongs to user \(nobody.uid)"))
            // A link of nobody's to what root runs: nobody chooses what that is.
            try bench.script("exit 0")
            unlink(bench.path + "/scripts/app/pre_script.sh")
            symlink(bench.path + "/scripts/pre_script.sh", bench.path + "/scripts/app/pre_script.sh")
            #expect(reason(find(bench, bench.path + "/scripts/app", guarding)).contains("belongs to user"))
            guarding.scriptDirectories[1].user = "no-such-user"
            unlink(bench.path + "/scripts/app/pre_script.sh")
            rename(bench.path + "/scripts/pre_script.sh", bench.path + "/scripts/app/pre_script.sh")
            #expect(reason(find(bench, bench.path + "/scripts/app", guarding)).contains("no user 'no-such-user'"))
        }
    }

    @Test(arguments: ["#!/bin/bash", "#!/bin/sh -e", "#!/usr/bin/env bash", "#! /bin/dash -", "#!/usr/bin/perl"])
    func `a pinned script runs from a copy that nobody can change, and is gone afterwards`(head: String) async throws {
        try await Workbench.with { bench in
            let p = bench.path
            let file = p + "/scripts/pre_script.sh"
            let body =
                head.contains("perl")
                ? "open F, '>', '\(p)/said'; print F \"$ENV{BOOKEND_SCRIPT}|@ARGV\"; close F; sleep 1 until -e '\(p)/gate'"
                : "echo \"$0|$*\" >\(p)/said; until [ -e \(p)/gate ]; do sleep 0.05; done"
            try "\(head)\n\(body)\n".write(toFile: file, atomically: true, encoding: .utf8)
            chmod(file, 0o755)
            var plan = bench.plan
            plan.preSHA256 = try digest(bench)
            async let ended = bench.pre(plan)
            try await eventually("the script says who it is") { !["(no file)", ""].contains(bench.text("said")) }
            #expect(bench.text("said").trimmingCharacters(in: .newlines) == "\(file)|7")
            let copies = try FileManager.default.contentsOfDirectory(atPath: p + "/state/script-copies")
            #expect(copies.count == 1)
            var place = stat()
            #expect(stat(p + "/state/script-copies", &place) == 0 && place.st_mode & 0o7777 == 0o700)
            #expect(stat(p + "/state/script-copies/" + copies[0], &place) == 0 && place.st_mode & 0o7777 == 0o700)
            // Written to in place, while it runs: what was checked goes on.
            try FileHandle(forWritingTo: URL(fileURLWithPath: file)).write(contentsOf: Data("#!/bin/false  ".utf8))
            creat(p + "/gate", 0o644)
            let result = await ended
            #expect(result.status == .successful, "\(result)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: p + "/state/script-copies") == [])
            let changed = await bench.pre(plan)
            #expect(changed.status == .refused && changed.details.reason.contains("its SHA-256 is"), "\(changed)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: p + "/state/script-copies") == [])
        }
    }

    @Test func `a program that is no script runs from its copy too`() async throws {
        try await Workbench.with { bench in
            try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: bench.path + "/scripts/pre_script.sh")
            var plan = bench.plan
            plan.preSHA256 = try digest(bench)
            let result = await bench.pre(plan)
            // It sleeps as many seconds as the job's id says.
            #expect(result.status == .successful && result.details.duration ?? .zero >= .seconds(7), "\(result)")
        }
    }

    @Test func `what the server pins holds, whatever the policy pins`() async throws {
        try await Workbench.with { bench in
            try bench.script("exit 0")
            let right = try digest(bench)
            let wrong = String(repeating: "0", count: 64)
            symlink(bench.path + "/scripts", bench.path + "/named")
            for (server, policy, status) in [
                (right, nil, Status.successful), (wrong, nil, .refused), (right, right, .successful),
                (wrong, right, .refused), (right, wrong, .refused), ("no digest", nil, .refused),
            ] {
                var guarding = bench.guarding
                // By another path than the policy's.
                guarding.scripts = [.init(path: bench.path + "/named/pre_script.sh", sha256: server)]
                var plan = bench.plan
                plan.preSHA256 = policy
                let stage = ScriptStage(
                    process: bench.process, guarding: guarding,
                    copies: ScriptCopies(stateDirectory: bench.path + "/state"))
                let result = await stage.runPre(
                    plan, job: JobID(rawValue: 7), facts: [:], files: StageFiles(), handle: StageHandle())
                #expect(result.status == status, "\(server) \(policy ?? "")")
            }
        }
    }

    @Test func `copies that a dead agent left are removed, and a place of others is not used`() async throws {
        try await Workbench.with { bench in
            try bench.script("exit 0")
            let place = bench.path + "/state/script-copies"
            try FileManager.default.createDirectory(atPath: place + "/old", withIntermediateDirectories: true)
            creat(place + "/old/script", 0o755)
            ScriptCopies(stateDirectory: bench.path + "/state").removeAll()
            #expect(!FileManager.default.fileExists(atPath: place))
            mkdir(place, 0o777)
            chmod(place, 0o777)
            var plan = bench.plan
            plan.preSHA256 = try digest(bench)
            #expect(await bench.pre(plan).status == .couldNotStart)
            rmdir(place)
            symlink("/tmp", place)
            #expect(await bench.pre(plan).status == .couldNotStart)
        }
    }

    // MARK: Restores

    private func refusal(_ target: String, _ allowed: [String]) -> String? {
        do throws(RemoteFailure) {
            _ = try RestoreTarget(target, allowed: allowed)
            return nil
        } catch {
            return error.message
        }
    }

    @Test func `a restore goes into a new or empty directory below the allowed ones, and nowhere else`() async throws {
        try await Workbench.with { bench in
            let (p, root) = (bench.path, bench.path + "/restore")
            mkdir(root, 0o755)
            #expect(refusal(root + "/a/b", [root]) == nil)
            var place = stat()
            #expect(stat(root + "/a/b", &place) == 0 && place.st_mode & 0o7777 == 0o700)
            #expect(refusal(root + "/a/b", [root]) == nil)
            #expect(refusal(root + "/a", [root])?.contains("is not empty") == true)
            #expect(refusal("/etc", [root])?.contains("is not inside of") == true)
            #expect(refusal("/etc/cron.d", [])?.contains("it allows none") == true)
            #expect(refusal(root + "/../x", [root])?.contains("without '..'") == true)
            #expect(refusal("restore/x", [root])?.contains("absolute path") == true)
            #expect(refusal(root + "-not/x", [root])?.contains("is not inside of") == true)
            symlink("/etc", root + "/out")
            symlink(root + "/soon", root + "/nowhere")
            #expect(refusal(root + "/out/cron.d", [root])?.contains("is not inside of") == true)
            #expect(refusal(root + "/nowhere/x", [root])?.contains("is not inside of") == true)
            // A link of the server's owner is where he meant it to lead.
            symlink(root, p + "/link")
            #expect(refusal(p + "/link/c", [p + "/link"]) == nil)
            #expect(FileManager.default.fileExists(atPath: root + "/c"))
        }
    }

    @Test func `a restore goes nowhere where another user could put a link`() async throws {
        try await Workbench.with { bench in
            let root = bench.path + "/restore"
            for folder in [root, root + "/theirs", root + "/open"] { mkdir(folder, 0o755) }
            chmod(root + "/open", 0o1777)
            chown(root + "/theirs", 4_711, 4_711)
            #expect(refusal(root + "/open", [root])?.contains("can be written by others") == true)
            #expect(refusal(root + "/open/x", [root])?.contains("can be written by others") == true)
            #expect(!FileManager.default.fileExists(atPath: root + "/open/x"))
            #expect(refusal(root + "/theirs/x", [root])?.contains("belongs to user 4711") == true)
        }
    }

    @Test func `a link that is turned after it was looked at leads no restore out`() async throws {
        try await Workbench.with { bench in
            let (root, outside) = (bench.path + "/restore", bench.path + "/outside")
            for folder in [root, outside, bench.path + "/theirs"] { mkdir(folder, 0o755) }
            chown(bench.path + "/theirs", 4_711, 4_711)
            let link = bench.path + "/theirs/link"
            symlink(root, link)
            var looks = 0
            let target = try RestoreTarget(link + "/new", allowed: [root]) { path in
                looks += 1
                let real = realpath(link, nil).map { String(cString: $0) + path.dropFirst(link.count) }
                // Somebody was waiting for just that.
                unlink(link)
                symlink(outside, link)
                return real
            }
            #expect(target.path == root + "/new" && looks == 1)
            #expect(FileManager.default.fileExists(atPath: root + "/new"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == [])
            #expect(refusal(link + "/new", [root])?.contains("is not inside of") == true)
        }
    }

    @Test func `a directory that others could lead elsewhere allows no restore`() async throws {
        try await Workbench.with { bench in
            let outside = bench.path + "/outside"
            for folder in [outside, bench.path + "/theirs"] { mkdir(folder, 0o755) }
            let root = bench.path + "/theirs/restore"
            symlink(outside, root)
            #expect(refusal(root + "/a", [root]) == nil)
            chown(bench.path + "/theirs", 4_711, 4_711)
            #expect(refusal(root + "/b", [root])?.contains("/theirs belongs to user 4711") == true)
            #expect(!FileManager.default.fileExists(atPath: outside + "/b"))
        }
    }

    @Test func `what a restore could have written does not run, by whatever link it is called`() async throws {
        try await Workbench.with { bench in
            let p = bench.path
            mkdir(p + "/restore", 0o755)
            try bench.script("exit 0", name: "pre_script.sh")
            rename(p + "/scripts/pre_script.sh", p + "/restore/pre_script.sh")
            var guarding = bench.guarding
            guarding.scriptDirectories.append(AgentConfiguration.ScriptDirectory(path: p + "/named"))
            guarding.commands = [.init(path: p + "/named/pre_script.sh")]
            symlink(p + "/restore", p + "/named")
            let plan = CommandPlan(program: p + "/named/pre_script.sh")
            guard case .ready = find(bench, p + "/named", guarding),
                case .ready = ScriptFinding.find(plan, guarding: guarding)
            else {
                Issue.record("\(find(bench, p + "/named", guarding)), \(ScriptFinding.find(plan, guarding: guarding))")
                return
            }
            guarding.restoreDirectories = [p + "/restore"]
            for finding in [find(bench, p + "/named", guarding), ScriptFinding.find(plan, guarding: guarding)] {
                #expect(reason(finding).hasSuffix("a restore could have put it there"))
            }
        }
    }

    // MARK: Sources

    @Test func `a source lies where nobody else can lead it out of the allowed paths`() async throws {
        try await Workbench.with { bench in
            let p = bench.path
            for folder in ["/data", "/data-not", "/data/a", "/theirs", "/theirs/b", "/data/c", "/data/c/d"] {
                mkdir(p + folder, 0o755)
            }
            symlink(p + "/data", p + "/named")
            symlink("/etc", p + "/data/out")
            symlink(p + "/data/a", p + "/data/in")
            for (path, owner) in [("/theirs", 4_711), ("/data/c", 4_711), ("/data/c/d", 4_711)] as [(String, uid_t)] {
                chown(p + path, owner, 0)
            }
            var guarding = GuardConfiguration()
            #expect(guarding.refusal(ofSources: ["/etc", p + "/data-not"]) == nil)
            guarding.backupPaths = [p + "/named", p + "/theirs"]
            for source in ["/data", "/named/a", "/data/a/x", "/data/in/x", "/data/c/d", "/data/not-yet", "/theirs/b"] {
                #expect(guarding.refusal(ofSources: [p + source]) == nil, "\(source)")
            }
            for (source, reason) in [
                ("/data-not", "is not inside of"), ("/data/out", "is not inside of"),
                ("/data/out/x", "is not inside of"),
                ("", "is not inside of"), ("/data/../data-not", "without '..'"),
                // What is there now does not matter: its owner may put a link there.
                ("/data/c/d/e", "/data/c belongs to user 4711"), ("/theirs/b/x", "/theirs belongs to user 4711"),
                ("/data/c/not-yet/e", "/data/c belongs to user 4711"),
            ] {
                let refusal = guarding.refusal(ofSources: [p + "/data/a", p + source])
                #expect(refusal?.contains(reason) == true, "\(source): \(refusal ?? "allowed")")
            }
            chmod(p + "/data", 0o777)
            #expect(guarding.refusal(ofSources: [p + "/data/a"]) == nil)
            #expect(guarding.refusal(ofSources: [p + "/data/a/x"])?.contains("/data can be written by others") == true)
        }
    }

    // MARK: Secrets

    @Test func `secrets are taken out of what restic says`() {
        let secrets = SecretTexts(
            ["hunter2", "hunter2-longer", "abc"] + SecretTexts.parts(ofLocation: "rest:https://me:p%40ss@vault/x"))
        #expect(secrets.redacted("hunter2-longer and hunter2, not abc") == "*** and ***, not abc")
        #expect(secrets.redacted("Get https://me:p%40ss@vault: p@ss p%40ss") == "Get https://***@vault: *** ***")
        #expect(SecretTexts.parts(ofLocation: "sftp:me@vault:/srv") == [])
        #expect(SecretTexts.parts(ofLocation: "/srv/repository") == [])
    }

    @Test func `the password of a proxy is one of a repository's secrets, and the rest of its address is not`() {
        let addresses = ["https_proxy": "http://me:hunter2@proxy:3128", "HTTP_PROXY": "you:hunter3@proxy:3129"]
        let repository = RepositoryConfiguration(
            location: .plain("/r"), passwordFile: "/nonexistent",
            environment: addresses.merging(["NO_PROXY": "localhost", "AWS_REGION": "paris-1"]) { $1 })
        let said = "proxyconnect http://me:hunter2@proxy:3128 hunter3 via you:hunter3@proxy:3129 localhost paris-1"
        #expect(
            repository.secrets.redacted(said)
                == "proxyconnect http://***@proxy:3128 *** via ***@proxy:3129 localhost paris-1")
    }

    @Test func `a credential that was not given stops the start, and says what to do`() throws {
        let repository = AgentConfiguration.Repository(
            location: .plain("/r"), password: .credential("restic"), environment: .file("/dev/null"))
        for (directory, message) in [
            (nil, "CREDENTIALS_DIRECTORY is not set"), ("/nonexistent", "is not below /nonexistent"),
        ] as [(String?, String)] {
            let error = #expect(throws: AgentError.self) {
                try RepositoryConfiguration(repository, credentials: CredentialDirectory(path: directory))
            }
            #expect(
                error?.message.contains(message) == true && error?.message.contains("LoadCredential=restic:") == true)
        }
    }

    @Test func `a file with a secret that others can use stops the start, and says what to type`() async throws {
        try await Workbench.with { bench in
            let names = ["password", "location", "environment"]
            for name in names {
                try "A=secret\n".write(toFile: bench.path + "/" + name, atomically: false, encoding: .utf8)
                chmod(bench.path + "/" + name, 0o600)
            }
            func repository() throws -> RepositoryConfiguration {
                try RepositoryConfiguration(
                    AgentConfiguration.Repository(
                        location: .secret(.file(bench.path + "/location")), password: .file(bench.path + "/password"),
                        environment: .credential("environment")),
                    credentials: CredentialDirectory(path: bench.path))
            }
            let right = try repository()
            for path in names.map({ bench.path + "/" + $0 }) {
                // Systemd shows credentials to a unit's user by an access list, which the group's bits stand for.
                chmod(path, 0o440)
                #expect(try repository().openSecret == nil)
                for mode in [0o604, 0o602, 0o620, 0o666] as [mode_t] {
                    chmod(path, mode)
                    let error = #expect(throws: AgentError.self) { try repository() }
                    #expect(error?.message.hasSuffix("run chmod g-w,o-rwx \(path)") == true, "\(error?.message ?? "")")
                    #expect(right.openSecret == error?.message)
                }
                chmod(path, 0o600)
                chown(path, 4_711, 0)
                let error = #expect(throws: AgentError.self) { try repository() }
                #expect(
                    error?.message == "\(path) holds a secret and belongs to user 4711: run chown \(geteuid()) \(path)")
                chown(path, geteuid(), 0)
            }
            #expect(right.openSecret == nil)
            unlink(bench.path + "/password")
            #expect(try repository().openSecret == nil)
        }
    }
}
