import Foundation
import Glibc
import Testing

/// What a server's own configuration forbids is forbidden, whoever asks: an operator, a policy, a coordinator that was
/// stolen.
@Suite(.timeLimit(.minutes(60))) struct GuardTests {
    /// Orders a job, and holds how it ended and why.
    private func run(
        _ scenario: Scenario, is status: Int64, _ integers: Integers, because reason: String, ran: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let job = try await scenario.run()
        let view = try await scenario.expect(job, is: status, integers, sourceLocation: sourceLocation)
        let reasons = [view.last.preScript.reason, view.last.backup.reason, view.last.postScript.reason]
        #expect(reasons.contains { $0.contains(reason) }, "\(reasons)", sourceLocation: sourceLocation)
        #expect(scenario.ledger.begins(job) == ran, sourceLocation: sourceLocation)
    }

    @Test func `scripts run from where this server allows, and where nobody else can write`() async throws {
        try await RealFleet.with("guard-scripts", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(fleet: fleet, site: site)
            let job = try await scenario.run()
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))

            // A link out of the script directory.
            let script = scenario.directory + "/pre_script.sh"
            let outside = fleet.layout.directory + "/outside.sh"
            rename(script, outside)
            symlink(outside, script)
            try await run(
                scenario, is: 5, Integers(23, 0, 2), because: "outside of the directories that this agent allows",
                ran: ["backup"])
            unlink(script)
            rename(outside, script)

            // A directory above it that others can write; a sticky bit does not excuse.
            for mode in [0o777, 0o1777, 0o775] as [mode_t] {
                chmod(site.scripts, mode)
                try await run(
                    scenario, is: 5, Integers(23, 0, 2), because: "\(site.scripts) can be written by others",
                    ran: ["backup"])
            }
            chmod(site.scripts, 0o755)
            chown(scenario.directory, 4_711, 0)
            try await run(scenario, is: 5, Integers(23, 0, 2), because: "belongs to user 4711", ran: ["backup"])
            chown(scenario.directory, 0, 0)
            // Refused between the two scripts: the post-script is owed, and stays so.
            try scenario.write("pre", "chmod 777 \(scenario.directory)/post_script.sh")
            let last = try await scenario.run()
            try await scenario.expect(last, is: 5, Integers(0, 0, 23))
        }
    }

    @Test func `a pinned script that changed does not run, and one that did not runs from a private copy`() async throws
    {
        try await RealFleet.with("guard-pins", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(
                fleet: fleet, site: site, pre: "tr '\\0' '\\n' </proc/$$/cmdline >\"$here/words\"; open gate",
                post: "")
            func digest(_ stage: String) async throws -> String {
                let end = try await Program.run("sha256sum", ["\(scenario.directory)/\(stage)_script.sh"])
                return String(end.output.prefix(64))
            }
            let (pre, post) = (try await digest("pre"), try await digest("post"))
            try await scenario.apply(scripts: "pre_sha256: \"\(pre)\", post_sha256: \"\(post)\"")
            let job = try await scenario.order()
            try await scenario.reached("pre-script", 11, job)
            for _ in 0..<1_000 where !scenario.ledger.text("words").contains("pre_script.sh") {
                try await Task.sleep(for: .milliseconds(20))
            }
            let copies = site.state + "/script-copies"
            #expect(try FileManager.default.contentsOfDirectory(atPath: copies).count == 1)
            // The same bytes under the name, but not those that were checked: they run nowhere.
            try scenario.write("post", "touch \"$here/evil\"")
            try scenario.open("gate")
            try await scenario.ended(job)
            let view = try await scenario.expect(job, is: 5, Integers(0, 0, 23))
            #expect(view.last.postScript.reason.contains("its SHA-256 is"), "\(view.last.postScript.reason)")
            #expect(scenario.ledger.lines(of: job).first?.path == scenario.directory + "/pre_script.sh")
            #expect(scenario.ledger.arguments("pre", job) == ["\(job)"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: copies) == [])
            #expect(!FileManager.default.fileExists(atPath: scenario.directory + "/evil"))
            try scenario.write("post", "")
            try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
            try scenario.write("pre", "touch \"$here/evil\"")
            try await run(scenario, is: 5, Integers(23, 0, 2), because: "its SHA-256 is", ran: ["backup"])

            // The server's own pin, which no policy lifts; a copy that a dead agent left is gone.
            mkdir(copies + "/left", 0o700)
            try await fleet.reconfigure(site) {
                $0.replacingOccurrences(
                    of: "guard:\n",
                    with: "guard:\n  scripts: [{path: \(scenario.directory)/pre_script.sh, sha256: \"\(pre)\"}]\n")
            }
            #expect(!FileManager.default.fileExists(atPath: copies + "/left"))
            try await scenario.apply()
            try await run(scenario, is: 5, Integers(23, 0, 2), because: "not \(pre)", ran: ["backup"])
            #expect(!FileManager.default.fileExists(atPath: scenario.directory + "/evil"))
        }
    }

    @Test func `a coordinator that was stolen can order nothing that this server does not allow`() async throws {
        try await RealFleet.with("guard-stolen", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(fleet: fleet, site: site, backup: .restic())
            try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
            // Through the front door there is no way.
            for (key, value) in [
                ("directory", "{directory: \(site.scripts)/../x}"), ("url", "{directory: \(site.scripts)}"),
            ] {
                let repository = key == "url" ? "rest:http://evil/" : "main"
                let file = fleet.layout.directory + "/evil.yaml"
                try fleet.layout.write(
                    """
                    policy: evil
                    agents: {ids: [\(site.id)]}
                    backup: {repository: "\(repository)", sources: [/etc]}
                    scripts: \(value)

                    """, to: file)
                let end = try await fleet.bookend("policy", "apply", file)
                #expect(end.status != 0, "\(end)")
            }

            try fleet.layout.write("#!/bin/sh\n", to: fleet.layout.directory + "/pre_script.sh", mode: 0o755)
            // A stolen one sends what it likes: its database is written to, in texts of the same length.
            for (old, new, integers, reason) in [
                ("scripts/\(scenario.policy)", "scripts/..", Integers(23, 23, 2), "the policy is not a valid one"),
                ("\u{4}main", "\u{4}evil", Integers(0, 23, 0), "has no repository 'evil'"),
                (scenario.directory, fleet.layout.directory, Integers(23, 0, 2), "outside of the directories"),
            ] {
                await fleet.daemon(site.id).stop()
                try await scenario.apply(backup: .restic(), more: "description: \"\(reason)\"")
                await fleet.daemon("coordinator").stop()
                // Slashes fill up what is too short.
                let filler = String(repeating: "/", count: old.utf8.count - new.utf8.count)
                let end = try await Program.run(
                    "python3",
                    [
                        "-c",
                        """
                        import sqlite3, sys
                        database = sqlite3.connect(sys.argv[1])
                        old, new = (text.encode() for text in sys.argv[2:])
                        name, body = database.execute(
                            "SELECT generation, body FROM policy_edits ORDER BY generation DESC").fetchone()
                        changed = body.replace(old, new)
                        assert changed != body and len(changed) == len(body)
                        database.execute("UPDATE policy_edits SET body = ? WHERE generation = ?", (changed, name))
                        database.commit()
                        """, "\(fleet.layout.directory)/coordinator/coordinator.sqlite", old, new + filler,
                    ])
                #expect(end.status == 0, "\(end)")
                try await fleet.startCoordinator()
                let position = fleet.daemon("coordinator").errors.all.count
                try await fleet.start(site)
                try await fleet.comesOnline(site, after: position)
                let job = try await scenario.run()
                let view = try await fleet.job(job)
                #expect(view.last.integers == integers, "\(reason): \(view.last.integers)")
                let reasons = [view.last.preScript.reason, view.last.backup.reason]
                #expect(reasons.contains { $0.contains(reason) }, "\(reasons)")
            }
        }
    }

    @Test func `a restore writes only where this server allows it`() async throws {
        try await RealFleet.with("guard-restore", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(fleet: fleet, site: site, backup: .restic(sources: ["/etc/hostname"]))
            let job = try await scenario.run()
            func restore(_ target: String) async throws -> Program.End {
                try await fleet.bookend("restore", "\(job)", "--agent", site.id, "--to", target)
            }
            let before = try FileManager.default.contentsOfDirectory(atPath: "/etc").sorted()
            symlink("/etc", site.restore + "/out")
            mkdir(site.restore + "/open", 0o777)
            chmod(site.restore + "/open", 0o1777)
            mkdir(site.restore + "/theirs", 0o755)
            chown(site.restore + "/theirs", 4_711, 4_711)
            mkdir(site.restore + "/full", 0o755)
            symlink("/etc", site.restore + "/full/etc")
            for (target, reason) in [
                ("/etc", "is not inside of"), ("/etc/bookend-restored", "is not inside of"),
                (site.restore + "/../../../etc", "without '..'"), (site.restore + "/out", "is not inside of"),
                (site.restore + "/out/bookend-restored", "is not inside of"),
                (site.restore + "/open/new", "can be written by others"),
                (site.restore + "/theirs/new", "belongs to user 4711"), (site.restore + "/full", "is not empty"),
            ] {
                let end = try await restore(target)
                #expect(end.status != 0 && (end.errors + end.output).contains(reason), "\(target): \(end)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: "/etc").sorted() == before)
            let end = try await restore(site.restore + "/new/place")
            #expect(end.status == 0, "\(end)")
            #expect(
                FileManager.default.contents(atPath: site.restore + "/new/place/etc/hostname")
                    == FileManager.default.contents(atPath: "/etc/hostname"))
        }
    }

    @Test func `only what this server allows to be backed up is backed up`() async throws {
        try await RealFleet.with("guard-sources", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            try await fleet.reconfigure(site) {
                $0.replacingOccurrences(of: "guard:\n", with: "guard:\n  backup_paths: [\(site.source)]\n")
            }
            let (sibling, theirs) = (site.source + "-not", site.source + "/theirs")
            for path in [sibling, theirs, theirs + "/a"] { mkdir(path, 0o755) }
            try fleet.layout.write("not theirs\n", to: sibling + "/file")
            symlink(sibling, site.source + "/out")
            chown(theirs, 4_711, 4_711)
            let scenario = try await Scenario(fleet: fleet, site: site, backup: .restic(sources: [theirs + "/a"]))
            try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
            #expect(try await site.snapshots().count == 1)
            for (source, reason) in [
                (sibling, "is not inside of this agent's guard.backup_paths"),
                (site.source + "/out", "is not inside of this agent's guard.backup_paths"),
                (site.source + "/out/file", "is not inside of this agent's guard.backup_paths"),
                ("/etc/hostname", "is not inside of this agent's guard.backup_paths"),
                // A directory now, and a link as soon as its owner likes.
                (theirs + "/a/b", "\(theirs) belongs to user 4711"),
            ] {
                try await scenario.apply(backup: .restic(sources: [source]))
                try await run(scenario, is: 23, Integers(0, 23, 0), because: reason, ran: ["pre", "post"])
            }
            #expect(try await site.snapshots().count == 1)
        }
    }
}
