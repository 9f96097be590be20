import Foundation
import Testing

/// What needs no fleet: help, completions, files that are checked.
struct CommandLineTests {
    @Test(arguments: ["bookend-coordinator", "bookend-collector", "bookend-agent"])
    func `every command of a daemon has an example in its help`(program: String) async throws {
        let root = try await Program.run(program, ["--help"])
        let listed = root.output.split(separator: "\n").drop { !$0.hasPrefix("SUBCOMMANDS:") }.dropFirst()
            .prefix { !$0.hasPrefix("  See") }.filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(listed.contains("run") && listed.contains("keygen"), "\(root.output)")
        let hidden = program == "bookend-coordinator" ? ["enroller"] : []
        for words in [[]] + (listed + hidden).map({ [$0] }) {
            let end = try await Program.run(program, words + ["--help"])
            let call = ([program] + words).joined(separator: " ")
            #expect(end.status == 0 && end.output.contains("Example") && end.output.contains("  \(call)"), "\(end)")
        }
    }

    @Test func `completions for bash complete`() async throws {
        let end = try await Program.run(
            "bash",
            [
                "-c",
                """
                bookend() { "$program" "$@"; }
                source <("$program" --generate-completion-script bash) || exit 9
                complete -p bookend >&2
                COMP_WORDS=(bookend rehea) COMP_CWORD=1 COMP_LINE="bookend rehea" COMP_POINT=13
                _bookend bookend rehea bookend
                printf '%s\\n' "${COMPREPLY[@]}"
                """,
            ], environment: ["program": Program.path("bookend")])
        #expect(end.status == 0 && end.errors.contains("bookend"), "\(end)")
        #expect(end.output.split(separator: " ").joined() == "rehearse\n", "\(end)")
    }

    @Test(arguments: ["zsh", "fish"]) func `completions name every command`(shell: String) async throws {
        let end = try await Program.run("bookend", ["--generate-completion-script", shell])
        #expect(end.status == 0)
        for word in ["backup", "rehearse", "rollback", "silence", "rotate-key", "--queue-for"] {
            let known = shell == "fish" ? String(word.drop { $0 == "-" }) : word
            #expect(end.output.contains(known), "\(word)")
        }
        // Where the shell is installed it reads its script.
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/\(shell)") else { return }
        let read = try await Program.run(
            "sh", ["-c", "\"$program\" --generate-completion-script \(shell) | /usr/bin/\(shell) --no-execute"],
            environment: ["program": Program.path("bookend")])
        #expect(read.status == 0, "\(read)")
    }

    @Test func `a mistyped command is answered with the nearest one and 2`() async throws {
        for (line, message) in [
            ("bakcup x", "bookend: no command 'bakcup': did you mean backup?\n"),
            ("help nope", "bookend: no command 'nope': bookend --help lists those that there are\n"),
        ] {
            let end = try await Program.run("bookend", line.split(separator: " ").map(String.init))
            #expect(end.status == 2 && end.errors == message && end.output.isEmpty, "\(end)")
        }
        let help = try await Program.run("bookend", ["help", "policy", "apply"])
        #expect(help.status == 0 && help.output.contains("bookend policy apply"), "\(help)")
    }

    @Test func `policy validate names each mistake once, with its place`() async throws {
        let folder = try SafePlace.make("validate")
        defer { try? FileManager.default.removeItem(atPath: folder) }  // Nobody needs it.
        try "policy: good\nagents: {ids: [a1]}\nbackup: {repository: main, sources: [/etc]}\n"
            .write(toFile: folder + "/good.yaml", atomically: true, encoding: .utf8)
        let good = try await Program.run("bookend", ["policy", "validate", folder])
        #expect(good.status == 0 && good.output == "\(folder)/good.yaml: policy good: right\n", "\(good)")

        try "policy: bad\nagents: {ids: [a1]}\nbackup: {repositry: main, sources: [/etc]}\n"
            .write(toFile: folder + "/bad.yaml", atomically: true, encoding: .utf8)
        let bad = try await Program.run("bookend", ["policy", "validate", folder])
        #expect(bad.status == 1 && bad.output.isEmpty, "\(bad)")
        #expect(
            bad.errors.hasPrefix(
                "bookend: \(folder)/bad.yaml:3:10: backup.repositry: unknown key; did you mean 'repository'?\n"),
            "\(bad.errors)")
        #expect(!bad.errors.contains("missing"), "\(bad.errors)")
        let json = try await Program.run("bookend", ["policy", "validate", "-o", "json", folder])
        let problem = try JSON(parsing: json.output)
        #expect(json.status == 1 && problem["is_valid"] == .bool(false))
        #expect(problem.all("key_path") == [.text("backup.repositry")] && problem.all("line").first?.int == 3)

        let piped = try await OutputTests.shell("$bookend policy validate - <\(folder)/bad.yaml")
        #expect(piped.status == 1 && piped.errors.hasPrefix("bookend: standard input:3:10: "), "\(piped)")
        let both = try await OutputTests.shell("$bookend policy validate - <\(folder)/good.yaml")
        #expect(both.status == 0 && both.output == "standard input: policy good: right\n", "\(both)")
    }
}
