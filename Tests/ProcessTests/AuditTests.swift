import Foundation
import Testing

/// The audit log of a real fleet, and somebody who reaches the coordinator's database.
@Suite(.timeLimit(.minutes(60))) struct AuditTests {
    /// Runs Python over the audit table; `rehash(FROM)` makes all hashes anew from a line on.
    private func tamper(_ path: String, _ body: String) async throws {
        let program = """
            import hashlib, sqlite3, struct
            db = sqlite3.connect(\"\(path)\")
            def rehash(first):
                row = db.execute('SELECT hash FROM audit WHERE sequence = ?', (first - 1,)).fetchone()
                previous = row[0] if row else bytes(32)
                for line in db.execute(
                        'SELECT sequence, at_unix_ms, who, origin, what, target, result, detail FROM audit '
                        'WHERE sequence >= ? ORDER BY sequence', (first,)).fetchall():
                    data = b'bookend-audit-1' + struct.pack('>qq', line[0], line[1])
                    for text in line[2:]:
                        data += struct.pack('>I', len(text.encode())) + text.encode()
                    digest = hashlib.sha256(data + previous).digest()
                    db.execute('UPDATE audit SET previous = ?, hash = ? WHERE sequence = ?', (previous, digest, line[0]))
                    previous = digest
            \(body)
            db.commit()
            """
        let end = try await Program.run("/usr/bin/python3", ["-c", program])
        #expect(end.status == 0, "\(end.errors)")
    }

    /// Such as `cut-off 10-12`, as far as it is about lines up to that one; `nil`: it is not.
    private static func finding(_ text: String, through last: Int) -> String? {
        let parts = text.split(separator: " ")
        let range = parts.last?.split(separator: "-").compactMap { Int($0) } ?? []
        guard parts.count == 2, range.count == 2 else { return text }
        return range[0] <= last ? "\(parts[0]) \(range[0])-\(min(range[1], last))" : nil
    }

    /// That findings are about.
    private static func lines(_ findings: [String]) -> Set<Int> {
        Set(
            findings.flatMap { text in
                let range = text.split(separator: " ").last?.split(separator: "-").compactMap { Int($0) } ?? []
                return range.count == 2 ? Array(range[0]...range[1]) : []
            })
    }

    private func findings(_ fleet: RealFleet) async throws -> [String] {
        let end = try await fleet.bookend("audit", "--verify", "--output", "json")
        let result = try JSON(parsing: end.output)
        #expect(end.status == (result["findings"].list.isEmpty ? 0 : 1), "\(end)")
        return result["findings"].list.map {
            "\($0["kind"].text ?? "") \($0["first_sequence"].int ?? 0)-\($0["last_sequence"].int ?? 0)"
        }
    }

    @Test func `removed, changed, reordered, cut off, made anew: each shows with its sequence`() async throws {
        try await RealFleet.with("audit", agents: 1) { fleet in
            let file = fleet.layout.directory + "/p.yaml"
            for number in 1...12 {
                try fleet.layout.write(
                    "policy: p\(number)\nagents: {ids: [a1]}\nbackup: {repository: main, sources: [/etc/hostname]}\n",
                    to: file)
                #expect(try await fleet.bookend("policy", "apply", file).status == 0)
            }
            let listed = try await fleet.bookend("audit", "--since", "1h", "--who", "local/")
            #expect(listed.status == 0 && listed.output.contains("policy.apply"), "\(listed)")
            #expect(try await fleet.json("audit", "--until", "1h")["entries"].list.isEmpty)
            #expect(
                try await fleet.json("audit", "--limit", "2")["entries"].list.compactMap(\.["sequence"].int) == [
                    11, 12,
                ])

            // The collector asks every second.
            var anchored: Int64 = 0
            for _ in 1...500 where anchored < 12 {
                let result = try await fleet.json("audit", "--verify")
                #expect(result["findings"].list.isEmpty && result["entries"].int == 12)
                anchored = result["anchored_through"].int ?? 0
            }
            #expect(anchored == 12)
            let whole = try await fleet.bookend("audit", "--verify")
            #expect(whole.status == 0 && whole.output.contains("the collector agrees with all of them"), "\(whole)")

            // The collector away: what is there is checked, and what is not is said.
            await fleet.daemon("collector").stop()
            let alone = try await fleet.bookend("audit", "--verify")
            #expect(alone.status == 3 && alone.output.contains("the lines fit each other"), "\(alone)")
            #expect(alone.errors.contains("not compared with the collector"), "\(alone)")
            try await fleet.startCollector()

            await fleet.daemon("coordinator").stop()
            let database = fleet.layout.directory + "/coordinator/coordinator.sqlite"
            try await tamper(database, "db.execute('PRAGMA wal_checkpoint(TRUNCATE)')")
            let kept = fleet.layout.directory + "/kept.sqlite"
            try FileManager.default.copyItem(atPath: database, toPath: kept)
            // The last two leave the collector with a head that contradicts the first ones: they come last.
            let cases: [(body: String, findings: [String])] = [
                ("db.execute('DELETE FROM audit WHERE sequence IN (4, 5)')", ["missing 4-5"]),
                ("db.execute(\"UPDATE audit SET who = 'operator/eve' WHERE sequence = 7\")", ["altered 7-7"]),
                (
                    """
                    db.execute('UPDATE audit SET sequence = 99 WHERE sequence = 3')
                    db.execute('UPDATE audit SET sequence = 3 WHERE sequence = 4')
                    db.execute('UPDATE audit SET sequence = 4 WHERE sequence = 99')
                    """, ["altered 3-3", "altered 4-4", "unlinked 5-5"]
                ),
                ("db.execute('DELETE FROM audit WHERE sequence > 9')", ["cut-off 10-12"]),
                ("db.execute('DELETE FROM audit')", ["cut-off 1-12"]),
                ("db.execute(\"UPDATE audit SET who = 'operator/eve' WHERE sequence = 12\")\nrehash(12)", ["replaced"]),
                ("db.execute(\"UPDATE audit SET who = 'operator/eve' WHERE sequence = 1\")\nrehash(1)", ["replaced"]),
            ]
            for (body, expected) in cases {
                for suffix in ["", "-wal", "-shm"] {
                    // A log that is not there is no loss.
                    try? FileManager.default.removeItem(atPath: database + suffix)
                }
                try FileManager.default.copyItem(atPath: kept, toPath: database)
                try await tamper(database, body)
                try await fleet.startCoordinator()
                // A coordinator that was put back and hears of changes that were lost renews its epoch, which is a line more:
                // in place of one that was cut off, or behind all.
                let found = try await findings(fleet).compactMap { Self.finding($0, through: 12) }
                let others = found.filter { !$0.hasPrefix("replaced ") }
                if expected == ["replaced"] {
                    #expect(others.isEmpty && !found.isEmpty, "\(body): \(found)")
                } else if expected[0].hasPrefix("cut-off ") {
                    #expect(others.count == 1 && others[0].hasPrefix("cut-off "), "\(body): \(found)")
                    // Of the line in a cut off one's place only who saw that one knows.
                    let lines = Self.lines(found)
                    #expect(lines.isSubset(of: Self.lines(expected)) && lines.contains(12), "\(body): \(found)")
                } else {
                    // The collector may have seen one of the lines that changed places.
                    #expect(others == expected, "\(body): \(found)")
                }
                await fleet.daemon("coordinator").stop()
            }
            // The collector says so by itself, once it is connected again.
            try await fleet.startCoordinator()
            try await fleet.daemon("collector").logged("audit log was changed, or is of an earlier time")
        }
    }
}
