import BookendDaemon
import BookendModel

/// A notice as a mail: header and body, with CRLF at the end of each line. The same bytes each time that it is sent.
struct MailText {
    let notice: AlertNotice
    /// Of the message.
    let key: String
    let from: String
    let to: [String]

    var bytes: [UInt8] {
        let text = NoticeText(notice: notice)
        var header = [
            "From: Bookend <\(from)>", "To: \(to.joined(separator: ",\r\n "))", "Subject: \(subject(text.title))",
            "Date: \(Self.date(notice.at))", "Message-ID: <\(key)@\(domain)>",
        ]
        if notice.occasion != .test {
            // All mails about one cause are one thread, also from one alert to the next.
            let cause = notice.alert.cause
            let root = "<cause-\(cause.kind.rawValue)\(cause.policy.map { "-\($0)" } ?? "")@\(domain)>"
            let first = notice.number > 1 ? firstKey.map { "<\($0)@\(domain)>" } : nil
            header.append("In-Reply-To: \(first ?? root)")
            header.append("References: \(root)\(first.map { "\r\n \($0)" } ?? "")")
        }
        header += [
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable", "X-Bookend-Alert: \(notice.alert.id)",
            "X-Bookend-Kind: \(notice.alert.cause.kind.rawValue)", "X-Bookend-Occasion: \(notice.occasion.rawValue)",
        ]
        let body = text.lines.map(Self.quotedPrintable)
        return Array((header + [""] + body).joined(separator: "\r\n").utf8) + [0x0D, 0x0A]
    }

    private var domain: Substring { from.split(separator: "@").last ?? "bookend" }

    /// The key of the alert's first message: this one's, with another number.
    private var firstKey: String? {
        key.lastIndex(of: "-").map { key[..<$0] + "-1" }
    }

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
