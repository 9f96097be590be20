import BookendFiles
import BookendModel
import Foundation
import Testing

struct PolicyFileTests {
    @Test func `every key of a policy arrives in the policy`() throws {
        let text = """
            policy: nightly-web
            description: Web servers, every night
            agents:
              ids: [web-1]
              patterns: ["web-*"]
              labels: {role: web, secure: no}
            backup:
              engine: restic
              repository: main
              sources: [/var/www, /etc]
              exclude: ["*.tmp"]
            scripts:
              enabled: true
              directory: /etc/bookend/scripts
              timeout: 10m
              skip_backup_if_pre_fails: true
              skip_backup_if_pre_missing: true
              left_processes: {pre: allow, post: end}
              status_profile: basic
              exclusive: databases
              pre_sha256: \(String(repeating: "0a", count: 32))
              post_sha256: "\(String(repeating: "12", count: 32))"
            retry: {attempts: 3, interval: 5m}
            window: 4h
            ignore_window_for_first_backup: true
            """
        let expected = Policy(
            name: PolicyName(rawValue: "nightly-web"), description: "Web servers, every night",
            selector: Selector(
                ids: [AgentID(rawValue: "web-1")], patterns: ["web-*"], labels: ["role": "web", "secure": "no"]),
            engine: .restic(
                ResticPlan(
                    repository: RepositoryName(rawValue: "main"), sources: ["/var/www", "/etc"], excludes: ["*.tmp"])),
            scripts: ScriptPlan(
                directory: "/etc/bookend/scripts", preTimeout: .seconds(600), postTimeout: .seconds(600),
                skipBackupIfPreFails: true, skipBackupIfPreMissing: true, preLeftProcesses: .allow,
                postLeftProcesses: .end, statusProfile: .basic, exclusiveGroup: "databases",
                preSHA256: String(repeating: "0a", count: 32), postSHA256: String(repeating: "12", count: 32)),
            retry: RetryPlan(attempts: 3, interval: .seconds(300)), window: .seconds(4 * 3600),
            ignoreWindowForFirstBackup: true)
        #expect(try PolicyFile.read(text: text, file: "p.yaml") == [expected])
    }

    @Test func `what is left out has the model's defaults`() throws {
        let text =
            "{policy: p, agents: {ids: [a]}, backup: {repository: main, sources: [/etc]}, scripts: {directory: /s}}"
        let policy = try #require(try PolicyFile.read(text: text, file: "p.yaml").first)
        let plan = ResticPlan(repository: RepositoryName(rawValue: "main"), sources: ["/etc"])
        let expected = Policy(
            name: PolicyName(rawValue: "p"), selector: Selector(ids: [AgentID(rawValue: "a")]), engine: .restic(plan),
            scripts: ScriptPlan(directory: "/s"))
        #expect(policy == expected)
    }

    @Test func `scripts that are switched off are not enabled`() throws {
        let text = """
            policy: p
            agents: {ids: [a]}
            backup: {engine: command, program: /bin/true}
            scripts: {enabled: false, directory: /s}
            """
        let policy = try #require(try PolicyFile.read(text: text, file: "p.yaml").first)
        #expect(policy.scripts == nil)
        #expect(policy.engine == .command(CommandPlan(program: "/bin/true")))
    }

    @Test func `a diagnostic shows the line and points at the place`() throws {
        let error = #expect(throws: FileError.self) {
            try PolicyFile.read(bytes: Array("policy: p\nscripts:\n  timout: 10m\n".utf8), file: "nightly.yaml")
        }
        #expect(
            error?.diagnostics.last?.description == """
                nightly.yaml:3:3: scripts.timout: unknown key; did you mean 'timeout'?
                  3 |   timout: 10m
                    |   ^^^^^^
                """)
    }

    @Test func `the line shown under a diagnostic has a bounded width`() throws {
        let text = "policy: p\ndescription: \(String(repeating: "x", count: 500)) : y\n"
        let error = #expect(throws: FileError.self) { try PolicyFile.read(text: text, file: "p.yaml") }
        let excerpt = try #require(error?.diagnostics.first?.excerpt)
        let lines = excerpt.split(separator: "\n").map(Array.init)
        #expect(lines.allSatisfy { $0.count <= 110 })
        try #require(lines.count == 2)
        let caret = try #require(lines[1].firstIndex(of: "^"))
        #expect(lines[0][caret] == ":")
    }

    @Test func `a diagnostic encodes as one flat object`() throws {
        let diagnostic = Diagnostic(file: "f", line: 1, column: 2, keyPath: "a.b", message: "m", excerpt: "e")
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(diagnostic)) as? [String: Any]
        #expect(
            Set(object.map { $0.keys.sorted() } ?? []) == ["file", "line", "column", "key_path", "message", "excerpt"])
    }

    @Test func `more than fifty mistakes are counted, not listed`() throws {
        let keys = (0..<70).map { "zzz\($0): 1\n" }.joined()
        let error = #expect(throws: FileError.self) { try PolicyFile.read(text: keys, file: "p.yaml") }
        #expect(error?.diagnostics.count == 51)
        #expect(error?.diagnostics.last?.message == "23 more mistakes were found; the first 50 are shown")
    }

    @Test func `a file above one mebibyte is refused before it is parsed`() throws {
        let bytes = [UInt8](repeating: UInt8(ascii: "\n"), count: (1 << 20) + 1)
        let error = #expect(throws: FileError.self) { try PolicyFile.read(bytes: bytes, file: "p.yaml") }
        #expect(error?.message == "p.yaml: is larger than 1 MiB, the most that is read")
    }

    @Test func `a byte order mark and carriage returns change nothing`() throws {
        let text = "\u{FEFF}policy: p\r\nagents: {ids: [a]}\r\nbackup: {repository: main, sources: [etc]}\r\n"
        let error = #expect(throws: FileError.self) { try PolicyFile.read(text: text, file: "p.yaml") }
        #expect(error?.diagnostics.map { [$0.line, $0.column] } == [[3, 38]])
    }
}
