import BookendModel
import Foundation
import Testing

@testable import BookendCollector

/// The templates that `deploy/README.md` shows, filled in.
struct TemplateTests {
    private static var readme: String {
        get throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            return try String(contentsOf: root.appending(path: "deploy/README.md"), encoding: .utf8)
        }
    }

    private func templates() throws -> [String] {
        try Self.readme.split(separator: "\n").compactMap { line in
            line.firstMatch(of: /template: '(.*)'$/).map { String($0.1) }
        }
    }

    @Test func `what Slack and ntfy get is JSON, whatever a reason holds`() throws {
        let now = UnixTime(milliseconds: 1_700_000_000_000)
        var book = AlertBook(rules: AlertRules())
        let reason = "cannot read \"/srv\\data\"\n\u{1B}[31m"
        for agent in ["web-1", "web-2"] {
            book.raise(
                .backupFailed, PolicyName(rawValue: "nightly"), AgentID(rawValue: agent), job: JobID(rawValue: 7),
                status: .failed, reason: reason, at: now)
        }
        let notice = try #require(book.takeChanges(at: now + .seconds(3_600)).notices.first)
        let text = WebhookText(content: .notice(notice), key: "7-alert-1-1")
        let templates = try templates()
        #expect(templates.count == 2)
        let bodies = try templates.map { template in
            try #require(
                try JSONSerialization.jsonObject(with: Data(try text.fill(template))) as? [String: Any], "\(template)")
        }
        let title = "CRITICAL: backup failed (nightly): 2 agents"
        let slack = try #require(bodies[0]["text"] as? String)
        #expect(slack.hasPrefix("*\(title)*\nBackup failed, policy nightly: 2 agents."), "\(slack)")
        #expect(slack.contains("1 failed: cannot read \"/srv\\data\""))
        #expect(bodies[1]["title"] as? String == title && bodies[1]["priority"] as? Int == 4)
        #expect((bodies[1]["message"] as? String)?.contains("web-1, web-2") == true)
    }
}
