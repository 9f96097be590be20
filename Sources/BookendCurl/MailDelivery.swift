import CCurl

/// One mail on its way to a mail server, with libcurl.
package struct MailDelivery: Sendable {
    package enum Encryption: Sendable {
        case none
        /// Begins in the clear; goes no further if the server does not offer TLS.
        case startTLS
        case tls
    }

    /// Somebody who did not get the mail, although others did.
    package struct Refusal: Hashable, Sendable {
        package let recipient: String
        /// Such as `450 greylisted`.
        package let answer: String
    }

    /// For the connection, TLS and the login. The answer to a mail takes as long as a server looks through it: ten minutes, says
    /// RFC 5321; whoever gives up earlier sends it again and again to a server that takes it each time.
    private static let connectPatience = Duration.seconds(60)

    /// `host:port`
    package var server: String
    package var encryption: Encryption
    /// Whom to trust; `nil`: the system's authorities.
    package var caFile: String?
    package var login: (user: String, password: String)?
    package var from: String
    package var to: [String]
    /// Header and body, with CRLF at the end of each line.
    package var message: [UInt8]

    package init(
        server: String, encryption: Encryption, caFile: String? = nil, login: (user: String, password: String)? = nil,
        from: String, to: [String], message: [UInt8]
    ) {
        self.server = server
        self.encryption = encryption
        self.caFile = caFile
        self.login = login
        self.from = from
        self.to = to
        self.message = message
    }

    /// Returns once the server has accepted the mail for at least one of its recipients.
    ///
    /// Returns at once when the task is canceled; the delivery then ends by itself within its time.
    ///
    /// - Parameter patience: How long all of it may take; with the connection it is never borne for over a minute.
    /// - Returns: Those for whom it was not accepted.
    /// - Throws: ``MailError``; the server may have accepted the mail all the same if the connection broke. `CancellationError`.
    package func send(patience: Duration) async throws -> [Refusal] {
        let answer = Answer<[Refusal]>()
        let mail = self
        try CurlThread.start { answer.give(mail.perform(patience)) }
        return try await answer.wait().get()
    }

    private func perform(_ patience: Duration) -> Result<[Refusal], any Error> {
        var answers = [ccurl_answer](repeating: ccurl_answer(), count: to.count)
        let connect = min(patience, Self.connectPatience).curlMilliseconds
        var status = 0
        var text = [CChar](repeating: 0, count: Int(CCURL_ERROR_SIZE))
        let url = (encryption == .tls ? "smtps://" : "smtp://") + server
        let code = to.map { "<\($0)>" }.withCStrings { recipients in
            ccurl_mail(
                url, encryption == .startTLS ? 1 : 0, caFile, login?.user, login?.password, "<\(from)>", recipients,
                message, message.count, connect, patience.curlMilliseconds, &answers, &status, &text)
        }
        guard code == 0 else {
            let reason = text.curlText + (status >= 400 ? " (the server said \(status))" : "")
            return .failure(MailError(message: reason, isRefusal: (550...559).contains(status)))
        }
        return .success(
            zip(to, answers).filter { !(200...299).contains($1.code) }.map { recipient, answer in
                Refusal(recipient: recipient, answer: answer.line)
            })
    }
}

extension ccurl_answer {
    fileprivate var line: String {
        withUnsafeBytes(of: text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// Why a mail was not accepted.
package struct MailError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    /// The server does not want this mail, and will not later.
    package let isRefusal: Bool

    package var description: String { message }
}
