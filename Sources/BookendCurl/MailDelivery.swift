import CCurl

/// One mail on its way to a mail server, with libcurl.
package struct MailDelivery: Sendable {
    package enum Encryption: Sendable {
        case none
        /// Begins in the clear; goes no further if the server does not offer TLS.
        case startTLS
        case tls
    }

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
    /// - Throws: ``MailError``; the server may have accepted the mail all the same if the connection broke. `CancellationError`.
    package func send(patience: Duration) async throws {
        let answer = Answer<Void>()
        let mail = self
        try CurlThread.start { answer.give(mail.perform(patience)) }
        try await answer.wait().get()
    }

    private func perform(_ patience: Duration) -> Result<Void, any Error> {
        var status = 0
        var text = [CChar](repeating: 0, count: Int(CCURL_ERROR_SIZE))
        let url = (encryption == .tls ? "smtps://" : "smtp://") + server
        let code = to.map { "<\($0)>" }.withCStrings { recipients in
            ccurl_mail(
                url, encryption == .startTLS ? 1 : 0, caFile, login?.user, login?.password, "<\(from)>", recipients,
                message, message.count, patience.curlMilliseconds, &status, &text)
        }
        guard code == 0 else {
            let reason = text.curlText + (status >= 400 ? " (the server said \(status))" : "")
            return .failure(MailError(message: reason, isRefusal: (550...559).contains(status)))
        }
        return .success(())
    }
}

/// Why a mail was not accepted.
package struct MailError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    /// The server does not want this mail, and will not later.
    package let isRefusal: Bool

    package var description: String { message }
}
