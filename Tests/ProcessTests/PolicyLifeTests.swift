import Foundation
import Testing

extension OneFleet {
    /// A policy's revisions: what applying would do, what was, and back again.
    @Suite struct PolicyLifeTests {
        private var fleet: RealFleet { get throws { try OneFleet.fleet } }

        private func names(_ json: JSON) -> [String] { json.list.compactMap(\.text) }

        @Test func `a dry run names the agents whose work changes, and changes nothing`() async throws {
            try await fleet.pool.with { one in
                try await fleet.pool.with { two in
                    let fleet = try self.fleet
                    let file = fleet.layout.directory + "/forecast.yaml"
                    func write(_ site: AgentSite, _ source: String) throws {
                        try fleet.layout.write(
                            "policy: forecast\nagents: {ids: [\(site.id)]}\n"
                                + "backup: {repository: main, sources: [\(source)]}\n", to: file)
                    }
                    try write(one, "/etc/hostname")
                    let new = try await fleet.json("policy", "apply", file, "--dry-run")["policies"].list
                    #expect(new.first?["change"].text == "created" && names(new[0]["agents_begin"]) == [one.id])
                    #expect(try await fleet.bookend("policy", "show", "forecast").status == 4)

                    #expect(try await fleet.bookend("policy", "apply", file).status == 0)
                    let same = try await fleet.bookend("policy", "apply", file, "--dry-run")
                    #expect(same.status == 0 && same.output.contains("is unchanged at revision 1"), "\(same)")

                    try write(two, "/etc/hostname")
                    let moved = try #require(
                        try await fleet.json("policy", "apply", file, "--dry-run")["policies"].list.first)
                    #expect(moved["current_revision"].int == 1 && moved["revision"].int == 2)
                    #expect(names(moved["agents_begin"]) == [two.id] && names(moved["agents_stop"]) == [one.id])
                    #expect(names(moved["agents_revised"]).isEmpty)

                    try write(one, "/etc/passwd")
                    let text = try await fleet.bookend("policy", "apply", file, "--dry-run").output
                    #expect(text.contains("would change from revision 1 to 2"), "\(text)")
                    #expect(text.contains("gets the new revision: \(one.id)"), "\(text)")
                    #expect(try await fleet.json("policy", "show", "forecast")["revision"].int == 1)
                    let log = try await fleet.json("audit", "--limit", "1000").all("target").filter {
                        $0.text == "policy forecast"
                    }
                    #expect(log.count == 1)
                }
            }
        }

        @Test func `a rollback is a new revision with an old one's text, and the history says so`() async throws {
            let fleet = try self.fleet
            let file = fleet.layout.directory + "/life.yaml"
            func apply(_ source: String) async throws {
                try fleet.layout.write(
                    "policy: life\nagents: {ids: [a1]}\nbackup: {repository: main, sources: [\(source)]}\n", to: file)
                let end = try await fleet.bookend("policy", "apply", file)
                #expect(end.status == 0, "\(end)")
            }
            try await apply("/etc/hostname")
            let first = try await fleet.bookend("policy", "rollback", "life")
            #expect(first.status == 4 && first.errors.contains("revision 1"), "\(first)")
            try await apply("/etc/passwd")

            let dry = try await fleet.bookend("policy", "rollback", "life", "--dry-run")
            #expect(dry.status == 0 && dry.output.contains("would change from revision 2 to 3"), "\(dry)")
            #expect(try await fleet.json("policy", "show", "life")["revision"].int == 2)
            let back = try await fleet.bookend("policy", "rollback", "life")
            #expect(back.status == 0 && back.output.contains("is at revision 3"), "\(back)")
            #expect(try await fleet.bookend("policy", "show", "life").output.contains("/etc/hostname"))
            let again = try await fleet.bookend("policy", "rollback", "life", "--to", "1")
            #expect(again.status == 0 && again.output.contains("stays at revision 3"), "\(again)")

            let history = try await fleet.json("policy", "history", "life")["revisions"].list
            #expect(history.map { $0["revision"].int } == [3, 2, 1])
            #expect(history.map { $0["same_as_revision"].int } == [1, nil, nil])
            #expect(history.last?["what"].text == "created")
            #expect(history.allSatisfy { $0["applied_by"].text?.isEmpty == false })
            let short = try await fleet.bookend("policy", "history", "life", "--limit", "1").output
            #expect(short.contains("--limit shows more") && !short.contains("created"), "\(short)")
            #expect(try await fleet.bookend("policy", "show", "life", "--revision", "2").output.contains("/etc/passwd"))

            // Deleted, it comes back under a number that was never used.
            #expect(try await fleet.bookend("policy", "delete", "life").status == 0)
            #expect(try await fleet.bookend("policy", "rollback", "life").status == 4)
            let risen = try await fleet.bookend("policy", "rollback", "life", "--to", "2")
            #expect(risen.status == 0 && risen.output.contains("is at revision 4"), "\(risen)")
        }

        @Test func `wrong flags of the history and of a rollback are named`() async throws {
            let wrong: [(words: [String], status: Int32, says: String)] = [
                (["policy", "rollback", "p", "--to", "0"], 2, "revisions count from 1"),
                (["policy", "rollback", "p", "--to", "last"], 2, "last"),
                (["policy", "rollback", "no-such-policy"], 4, "no-such-policy"),
                (["policy", "rollback", "no-such-policy", "--to", "7"], 4, "no-such-policy"),
                (["policy", "history", "p", "--limit", "0"], 2, "expected 1 to 1000"),
                (["policy", "history", "p", "--limit", "1001"], 2, "expected 1 to 1000"),
                (["policy", "history", "no-such-policy"], 4, "no-such-policy"),
            ]
            for (words, status, says) in wrong {
                let end = try await Program.run("bookend", words, environment: try fleet.environment)
                #expect(end.status == status && end.errors.contains(says), "\(words): \(end)")
            }
        }
    }
}
