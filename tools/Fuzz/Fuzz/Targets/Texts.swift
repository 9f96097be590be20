import BookendCollector
import BookendModel
import BookendTransport
import BookendWire
import FoundationEssentials

@testable import BookendAgent

extension Target {
    /// Lines and words: what restic prints, what the supervisor says, tokens, keys, names, addresses and cursors.
    static let texts = [
        Target(
            name: "restic",
            seeds: {
                (resticLines + [resticLines.joined(separator: "\n")] + resticLists).map { Array($0.utf8) }
            }, run: { $0.first == UInt8(ascii: "[") ? snapshots($0) : restic($0) }),
        Target(
            name: "supervisor", longest: 1_024, seeds: { [Array(supervisorLines.joined(separator: "\n").utf8)] },
            run: { supervisor($0) }),
        Target(
            name: "token",
            // An odd first byte: the ticket's bytes. An even one: the text that people carry.
            seeds: {
                Samples.tickets.flatMap { [[1] + Wire.encode($0), [0] + TokenText.render($0).utf8] }
            }, run: { token($0) }),
        Target(
            name: "keys", longest: 1_024,
            seeds: {
                let key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
                return zip(
                    0...,
                    [
                        "# a comment\n\(key) agent/web-1 role=web site=berlin\n", key, "operator/alice",
                        "tcp://bookend.example.org:7500", "ipc:///run/bookend-coordinator/coordinator.sock",
                        "tcp://[::1]:7500",
                        cursors.last!.rawValue, "# secret\n\(key)\n", "AWS_KEY=\"abc\"\n# x\nB='c'\n",
                        "\(key) \(key) -\n", "\(key) \(key) \(key)\n",
                    ]
                ).map { [UInt8([0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 7][$0])] + $1.utf8 }
            }, run: { keys($0) }),
    ]

    private static let resticLines = [
        #"{"message_type":"status","percent_done":0.5,"total_files":4,"files_done":2,"total_bytes":10,"bytes_done":5}"#,
        #"{"message_type":"summary","files_new":1,"data_added":12,"total_files_processed":3,"total_bytes_processed":4,"snapshot_id":"abc"}"#,
        #"{"message_type":"error","error":{"Op":"open","Path":"/x","Err":13},"during":"archival","item":"/x"}"#,
        #"{"message_type":"error","error":{"message":"denied"},"during":"scan","item":"/y"}"#,
        "/z does not exist, skipping", "Fatal: wrong password or no key found", "repository is already locked",
        "Is there a repository at the following location?",
    ]

    /// Each line as if restic had printed it, on both of its outputs by turns; then what is reported of it.
    private static func restic(_ bytes: [UInt8]) {
        var tally = ResticTally()
        var isError = bytes.count % 2 == 0
        for line in bytes.split(separator: 0x0A) {
            if let progress = tally.take(StageLine(isError: isError, text: String(decoding: line, as: UTF8.self))) {
                guard (0...1).contains(progress.fractionDone) else { broken("progress \(progress.fractionDone)") }
            }
            isError.toggle()
        }
        for code in [0, 1, 3] as [Int32] { report(tally.result(of: StageOutcome(ending: .exited(code)))) }
    }

    private static let resticLists = [
        #"[{"time":"2026-11-23T02:00:00.123456789+01:00","tree":"aa","paths":["/etc"],"hostname":"web-1","tags":["bookend-job=42"],"id":"abcdef","short_id":"abc"}]"#,
        #"[{"id":"0","time":"2026-11-23T02:00:00Z"},{"id":"1","time":"never","paths":null}]"#, "[]",
        // An id that is longer than any that can be told.
        #"[{"id":"\#(String(repeating: "a", count: 129))","time":"2026-11-23T02:00:00Z"}]"#,
    ]

    /// The whole of what `restic snapshots --json` prints, and the agent's answer to who asked for it.
    private static func snapshots(_ bytes: [UInt8]) {
        guard let list = ResticSnapshot.list(Data(bytes)) else { return }
        same(.askReply(.chunk(id: 1, .snapshots(list.prefix(200).map(SnapshotSummary.init)))))
    }

    private static let supervisorLines = [
        "started 4711 88123", "stdout a line", "stderr another", "left 12 34 sleep", "deciding",
        "output-left-out stdout 77",
        "exited 3", "signaled 9", "could-not-start /x: no such file",
    ]

    /// The bytes in two pieces, cut at a place that they choose.
    private static func supervisor(_ bytes: [UInt8]) {
        var splitter = LineSplitter()
        var events = StageEvents(leftProcesses: .end)
        let cut = Int(bytes.first ?? 0) % (bytes.count + 1)
        for piece in [bytes[..<cut], bytes[cut...]] {
            for line in piece.withUnsafeBytes({ splitter.append($0) }) { _ = events.take(line) }
        }
        guard events.outcome.leftProcesses.count <= 20 else { broken("more left processes than 20") }
        report(StageResult(status: .failed, details: ReportDetails(events.outcome), didRun: true))
    }

    /// What a stage came to must fit a report that the wire takes: one that it refuses would never leave the agent's outbox.
    private static func report(_ result: StageResult) {
        var report = Samples.report
        report.details = result.details.bounded
        same(report)
    }

    /// A ticket that can be read has a text, which is read as the same ticket unless it is too long for one.
    private static func token(_ input: [UInt8]) {
        let (bytes, roles) = (Array(input.dropFirst()), Set(PeerRole.allCases))
        let ticket =
            (input.first ?? 0) % 2 == 1
            ? answer { try Wire.decodeEnrollmentTicket(bytes) }
            : answer { try TokenText.parse(String(decoding: bytes, as: UTF8.self), for: roles) }
        guard let ticket else { return }
        let text = TokenText.render(ticket)
        if text.utf8.count > 4_096 { return }
        guard answer({ try TokenText.parse(text, for: roles) }) == ticket else { broken("another ticket: \(ticket)") }
    }

    private static func keys(_ input: [UInt8]) {
        let bytes = Array(input.dropFirst())
        let text = String(decoding: bytes, as: UTF8.self)
        switch (input.first ?? 0) % 8 {
        case 0: _ = answer { try KeyRing.parse(text, file: "keys") }
        case 1: if let key = answer({ try CurveKey(text) }), key.text != text { broken("another key: \(key)") }
        case 2:
            if let peer = PeerIdentity(text), PeerIdentity(peer.description) != peer { broken("another peer: \(peer)") }
        case 3:
            guard let endpoint = answer({ try Endpoint(text) }) else { return }
            if answer({ try Endpoint(endpoint.description) }) != endpoint { broken("another endpoint: \(endpoint)") }
        case 4: cursor(text)
        case 5:
            Folder.write(bytes, to: keyFile)
            _ = answer { try CurveKeyPair.read(secretFile: keyFile) }
        case 6:
            Folder.write(bytes, to: keyFile)
            _ = answer { try EnvironmentFile.read(path: keyFile) }
        default:
            Folder.write(bytes, to: keyFile)
            _ = answer { try KnownServers(file: keyFile) }
        }
    }

    private static let keyFile = Folder.scratch + "/key"

    // A collector's store with two reports in it.
    private static let store: SQLiteReportStore = {
        guard let store = answer({ try SQLiteReportStore(path: Folder.scratch + "/cursors.sqlite") }) else {
            broken("no database can be made in \(Folder.scratch)")
        }
        return store
    }()
    private static let cursors: [Cursor] = {
        let second = {
            var report = Samples.report; report.origin.sequence += 1; return report
        }()
        let accepted = [Samples.report, second].map {
            AcceptedReport(report: $0, digest: ReportDigest(rawValue: $0.origin.sequence))
        }
        return answer { try store.store(accepted, at: Samples.time) }?.map(\.cursor) ?? []
    }()

    private static func cursor(_ text: String) {
        guard cursors.count == 2, let page = answer({ try store.feed(from: Cursor(rawValue: text), limit: 10) }) else {
            return
        }
        if page.map({ $0.entries.count > 2 }) ?? false { broken("more entries than there are") }
    }
}
