import BookendDaemon
import BookendModel

/// A message as a mail: header and body, with CRLF at the end of each line. The same bytes each time that it is sent.
struct MailText {
    private let title: String
    private let lines: [String]
    private let at: UnixTime
    /// What mails about the same have in common, and the key of the first of them; `nil`: it stands for itself.
    private var thread: (name: String, firstKey: String?)?
    private var marks: [String] = []
    /// Of the message.
    private let key: String
    private let from: String
    private let to: [String]

    init(notice: AlertNotice, key: String, from: String, to: [String]) {
        let (text, alert) = (NoticeText(notice: notice), notice.alert)
        self.init(title: text.title, lines: text.lines, at: notice.at, key: key, from: from, to: to)
        if notice.occasion != .test {
            // All mails about one cause are one thread, also from one alert to the next.
            let name = "cause-\(alert.cause.kind.rawValue)\(alert.cause.policy.map { "-\($0)" } ?? "")"
            // This one's key, with another number.
            let isFirst = notice.number <= 1 && notice.occasion != .resolved
            let first = isFirst ? nil : key.lastIndex(of: "-").map { key[..<$0] + "-1" }
            thread = (name, first.map(String.init))
        }
        marks = [
            "X-Bookend-Alert: \(alert.id)", "X-Bookend-Kind: \(alert.cause.kind.rawValue)",
            "X-Bookend-Occasion: \(notice.occasion.rawValue)",
        ]
    }

    init(digest: AlertDigest, key: String, from: String, to: [String]) {
        let text = DigestText(digest: digest)
        self.init(title: text.title, lines: text.lines, at: digest.at, key: key, from: from, to: to)
        marks = ["X-Bookend-Occasion: digest"]
    }

    init(letter: ReportLetter, key: String, from: String, to: [String]) {
        self.init(title: letter.title, lines: letter.lines, at: letter.at, key: key, from: from, to: to)
        thread = ("report", nil)
        marks = ["X-Bookend-Occasion: report"]
    }

    private init(title: String, lines: [String], at: UnixTime, key: String, from: String, to: [String]) {
        (self.title, self.lines, self.at, self.key, self.from, self.to) = (title, lines, at, key, from, to)
    }

    var bytes: [UInt8] {
        var header = [
            "From: Bookend <\(from)>", "To: \(to.joined(separator: ",\r\n "))", "Subject: \(subject(title))",
            "Date: \(Self.date(at))", "Message-ID: <\(key)@\(domain)>",
        ]
        if let thread {
            let root = "<\(thread.name)@\(domain)>"
            let first = thread.firstKey.map { "<\($0)@\(domain)>" }
            header.append("In-Reply-To: \(first ?? root)")
            header.append("References: \(root)\(first.map { "\r\n \($0)" } ?? "")")
        }
        header += [
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
        ]
        let body = lines.map(Self.quotedPrintable)
        return Array((header + marks + [""] + body).joined(separator: "\r\n").utf8) + [0x0D, 0x0A]
    }

    private var domain: Substring { from.split(separator: "@").last ?? "bookend" }

    /// What is not ASCII in the names of a policy or an agent there is none.
    private func subject(_ title: String) -> String {
        "[Bookend] " + NoticeText.plain(title).unicodeScalars.map { $0.isASCII ? String($0) : "?" }.joined()
    }

    /// `Mon, 23 Nov 2026 02:00:00 +0000`
    static func date(_ time: UnixTime) -> String {
        let date = time.day.date
        let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][time.day.weekday]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let day = date.day < 10 ? "0\(date.day)" : "\(date.day)"
        return "\(weekday), \(day) \(months[date.month - 1]) \(date.year) \(time.clock) +0000"
    }

    /// One line, broken softly so that no piece is longer than 76 characters.
    static func quotedPrintable(_ line: String) -> String {
        let bytes = Array(line.utf8)
        var result = ""
        var width = 0
        for (place, byte) in bytes.enumerated() {
            let isLast = place == bytes.count - 1
            let isPlain = (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=") || byte == 0x20 && !isLast
            let piece: String
            if isPlain {
                piece = String(UnicodeScalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                piece = "=" + (digits.count == 1 ? "0" : "") + digits
            }
            if width + piece.count > 75, !(isLast && width + piece.count == 76) {
                result += "=\r\n"
                width = 0
            }
            result += piece
            width += piece.count
        }
        return result
    }
}
