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
            await fleet.daemon("collector").stop()
            let database = fleet.layout.directory + "/coordinator/coordinator.sqlite"
            let places = [database, fleet.layout.directory + "/collector/collector.sqlite"]
            for place in places {
                try await tamper(place, "db.execute('PRAGMA wal_checkpoint(TRUNCATE)')")
                try FileManager.default.copyItem(atPath: place, toPath: place + ".kept")
            }
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
                // Both: a collector that knows a later state makes the coordinator renew its epoch, which is a line more.
                for place in places {
                    for suffix in ["", "-wal", "-shm"] {
                        // A log that is not there is no loss.
                        try? FileManager.default.removeItem(atPath: place + suffix)
                    }
                    try FileManager.default.copyItem(atPath: place + ".kept", toPath: place)
                }
                try await tamper(database, body)
                try await fleet.startCollector()
                try await fleet.startCoordinator()
                let found = try await findings(fleet)
                if expected == ["replaced"] {
                    #expect(found.count == 1 && found[0].hasPrefix("replaced "), "\(body): \(found)")
                } else {
                    // The collector may have seen one of the lines that changed places.
                    #expect(found.filter { !$0.hasPrefix("replaced ") } == expected, "\(body): \(found)")
                }
                await fleet.daemon("coordinator").stop()
                await fleet.daemon("collector").stop()
            }
            // The collector says so by itself, once it is connected again.
            try await fleet.startCollector()
            try await fleet.startCoordinator()
            try await fleet.daemon("collector").logged("audit log was changed, or is of an earlier time")
        }
    }
}
