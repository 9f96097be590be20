import Foundation
import Glibc
import Testing

/// Scripts and agents that are not root. Only root can start them: without it these tests say so and do nothing.
@Suite(.timeLimit(.minutes(60)), .enabled(if: geteuid() == 0, "only root can start programs as other users"))
struct UserTests {
    /// What a script says of itself, in `NAME=value` lines.
    private static let selfPortrait = """
        {
            echo "uid=$(id -u)"; echo "gid=$(id -g)"; echo "groups=$(id -G)"
            sed -n 's/^\\(Cap[A-Za-z]*\\|NoNewPrivs\\):[[:space:]]*/\\1=/p' /proc/self/status
            echo "secret=$(cat "$SECRET" 2>/dev/null)"
            echo "home=$HOME"
        }
        """

    private func portrait(_ path: String) -> [String: String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""  // No file says nothing.
        let pairs = text.split(separator: "\n").compactMap { line -> (String, String)? in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }
        return Dictionary(pairs) { $1 }
    }

    /// A fleet of one agent where every user can come to it; the agent is started from there when it is next started.
    private func withOpenFleet(_ name: String, _ body: (RealFleet, AgentSite, _ agent: String) async throws -> Void)
        async throws
    {
        try await OpenPlace.with { place in
            try await RealFleet.with(name, agents: 1, below: place.directory) { fleet in
                let site = fleet.layout.sites[0]
                for path in [fleet.layout.directory, site.directory] { chmod(path, 0o755) }
                fleet.launch(site.id, by: RealFleet.Launch(program: place.agent))
                try await body(fleet, site, place.agent)
            }
        }
    }

    @Test func `scripts of a directory run as the user that it names, without the agent's privileges`() async throws {
        try await withOpenFleet("run-as") { fleet, site, _ in
            let nobody = try #require(getpwnam("nobody")).pointee
            let secret = site.directory + "/secret"
            try fleet.layout.write("for root\n", to: secret)
            let theirs = site.directory + "/theirs"
            try await fleet.reconfigure(site) {
                $0.replacingOccurrences(
                    of: "script_directories: [", with: "script_directories: [{path: \(theirs), run_as: nobody}, ")
            }
            mkdir(theirs, 0o755)
            func write(_ stage: String, _ head: String = "#!/bin/sh") throws {
                try fleet.layout.write(
                    "\(head)\nSECRET=\(secret)\n\(Self.selfPortrait) >\(theirs)/\(stage)\necho \"$0\" >\(theirs)/\(stage).path\n",
                    to: "\(theirs)/\(stage)_script.sh", mode: 0o755)
            }
            try write("pre")
            try write("post")
            // Theirs, the scripts included: they could only swap what runs as themselves.
            for path in ["", "/pre_script.sh", "/post_script.sh"] { chown(theirs + path, nobody.pw_uid, nobody.pw_gid) }
            let scenario = try await Scenario(fleet: fleet, site: site)
            let digest = try await Program.run("sha256sum", [theirs + "/post_script.sh"]).output.prefix(64)
            let file = fleet.layout.directory + "/theirs.yaml"
            try fleet.layout.write(
                """
                policy: \(scenario.policy)
                agents: {ids: [\(site.id)]}
                backup: {engine: command, program: \(site.engine), arguments: [\(scenario.directory)/backup.sh]}
                scripts: {directory: \(theirs), post_sha256: "\(digest)"}

                """, to: file)
            #expect(try await fleet.bookend("policy", "apply", file).status == 0)
            try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
            // The second ran from a private copy, in a directory that its user cannot enter.
            for stage in ["pre", "post"] {
                let seen = portrait("\(theirs)/\(stage)")
                #expect(seen["uid"] == "\(nobody.pw_uid)" && seen["gid"] == "\(nobody.pw_gid)", "\(stage): \(seen)")
                #expect(seen["groups"] == "\(nobody.pw_gid)" && seen["NoNewPrivs"] == "1" && seen["secret"] == "")
                for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                    #expect(seen[set] == "0000000000000000", "\(set)")
                }
                #expect(seen["home"] == String(cString: nobody.pw_dir))
                let path = try String(contentsOfFile: "\(theirs)/\(stage).path", encoding: .utf8)
                #expect(path == "\(theirs)/\(stage)_script.sh\n")
            }
            // Who does not run it may not own it.
            chown(theirs + "/pre_script.sh", 4_711, 4_711)
            let job = try await scenario.run()
            let view = try await scenario.expect(job, is: 5, Integers(23, 0, 2))
            #expect(view.last.preScript.reason.contains("belongs to user 4711"))
        }
    }

    @Test func `an agent without root reads files of all users, writes none, and gives its scripts nothing`()
        async throws
    {
        try await withOpenFleet("unprivileged") { fleet, site, program in
            let nobody = try #require(getpwnam("nobody")).pointee
            // Files that their owners alone may read.
            let theirs = site.source + "/theirs"
            mkdir(theirs, 0o700)
            try fleet.layout.write("a secret of 4711\n", to: theirs + "/file")
            chown(theirs + "/file", 4_711, 4_711)
            chown(theirs, 4_711, 4_711)
            let rootsOwn = site.source + "/roots"
            try fleet.layout.write("a secret of root\n", to: rootsOwn)
            for path in [site.state, site.repository] { mkdir(path, 0o700) }
            mkdir(site.directory + "/said", 0o755)
            // What the agent as root has left belongs to root.
            let wrapper = fleet.layout.directory + "/unprivileged"
            try fleet.layout.write(
                """
                #!/bin/sh
                exec setpriv --reuid=\(nobody.pw_uid) --regid=\(nobody.pw_gid) --clear-groups --inh-caps=-all,+dac_read_search \\
                    --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search "$@"

                """, to: wrapper, mode: 0o755)
            fleet.launch(site.id, by: RealFleet.Launch(program: program, wrapper: wrapper))
            try await fleet.reconfigure(site) { text in
                for path in [
                    site.state, site.repository, site.restore, site.directory + "/said", site.directory + "/agent.key",
                ] {
                    chown(path, nobody.pw_uid, nobody.pw_gid)
                }
                // Made by the one before.
                for name in (try? FileManager.default.subpathsOfDirectory(atPath: site.state)) ?? [] {
                    chown(site.state + "/" + name, nobody.pw_uid, nobody.pw_gid)
                }
                return text
            }
            let pid = try await fleet.daemon(site.id).pid
            let agent = try status(pid)
            #expect(agent["CapEff"] == "0000000000000004" && agent["CapBnd"] == "0000000000000004", "\(agent)")

            // No core file, and nobody of its user looks into it: what is in /proc belongs to root then.
            var place = stat()
            #expect(stat("/proc/\(pid)/environ", &place) == 0 && place.st_uid == 0)

            let said = site.directory + "/said"
            let scenario = try await Scenario(
                fleet: fleet, site: site, pre: nil, post: nil, backup: .restic())
            for stage in ["pre", "post"] {
                try fleet.layout.write(
                    """
                    #!/bin/sh
                    SECRET=\(rootsOwn)
                    \(Self.selfPortrait) >\(said)/\(stage)
                    echo spoiled 2>/dev/null >>\(site.source)/file
                    exit 0

                    """, to: "\(scenario.directory)/\(stage)_script.sh", mode: 0o755)
            }
            let job = try await scenario.run()
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            for stage in ["pre", "post"] {
                let seen = portrait("\(said)/\(stage)")
                #expect(seen["uid"] == "\(nobody.pw_uid)" && seen["secret"] == "", "\(seen)")
                for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                    #expect(seen[set] == "0000000000000000", "\(set)")
                }
            }
            #expect(try String(contentsOfFile: site.source + "/file", encoding: .utf8) == "files of \(site.id)\n")

            // All of it is in the snapshot, as root finds.
            let snapshot = try #require(try await scenario.site.snapshots(of: job).first?["id"].text)
            let back = site.directory + "/back"
            #expect(try await site.restic(["restore", snapshot, "--target", back]).status == 0)
            #expect(try String(contentsOfFile: back + theirs + "/file", encoding: .utf8) == "a secret of 4711\n")
            #expect(try String(contentsOfFile: back + rootsOwn, encoding: .utf8) == "a secret of root\n")

            // The right to read is none to write: with the capability itself, a program of the agent's cannot.
            try await scenario.apply(
                backup: .command(
                    "cat \(rootsOwn) >\(said)/read || exit 9; echo spoiled >>\(site.source)/file && exit 8; exit 0"),
                scripts: nil)
            try fleet.layout.write(
                "#!/bin/sh\ncat \(rootsOwn) >\(said)/read || exit 9\n(echo spoiled >>\(site.source)/file) 2>/dev/null && exit 8\nexit 0\n",
                to: scenario.directory + "/backup.sh", mode: 0o755)
            let second = try await scenario.run()
            try await scenario.expect(second, is: 0, Integers(3, 0, 3))
            #expect(try String(contentsOfFile: said + "/read", encoding: .utf8) == "a secret of root\n")
            #expect(try String(contentsOfFile: site.source + "/file", encoding: .utf8) == "files of \(site.id)\n")
            // A restore goes where that user may write, and nowhere else.
            let restored = try await fleet.bookend(
                "restore", "\(job)", "--agent", site.id, "--to", site.restore + "/mine", "--include",
                site.source + "/file")
            #expect(
                FileManager.default.fileExists(atPath: site.restore + "/mine" + site.source + "/file"), "\(restored)")
        }
    }

    private func status(_ pid: pid_t) throws -> [String: String] {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        return Dictionary(
            text.split(separator: "\n").compactMap { line in
                let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                return parts.count == 2 ? (parts[0], parts[1]) : nil
            }
        ) { $1 }
    }
}
