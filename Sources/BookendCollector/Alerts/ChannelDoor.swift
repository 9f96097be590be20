import BookendCurl
import BookendDigest
import BookendFiles
import BookendModel

/// The way out of one channel.
struct ChannelDoor: Sendable {
    /// For one try of a message.
    static let patience = Duration.seconds(30)

    let channel: ChannelConfiguration

    /// What became of a try.
    enum Outcome: Hashable, Sendable {
        case accepted
        /// Not now: the channel is down, or its configuration wrong.
        case failed(String)
        /// Whoever is there does not want this message.
        case refused(String)
    }

    /// - Throws: `CancellationError`.
    func send(_ message: OutgoingMessage) async throws -> Outcome {
        do {
            switch (channel.kind, message.body) {
            case (.mail(let mail), .notice(let notice)): return try await send(notice, message.key, mail)
            case (.webhook(let webhook), .notice(let notice)): return try await send(notice, message.key, webhook)
            case (.command(let command), .notice(let notice)):
                return try await CommandRun(command).run(notice, key: message.key)
            case (.healthchecks(let service), .ping(let ping)): return try await send(ping, service)
            case (.healthchecks, .notice(let notice)):
                // Only a test: is there anybody?
                return notice.occasion == .test
                    ? .refused("a healthchecks channel is told of jobs, and cannot be tested") : .accepted
            case (_, .ping): return .accepted
            }
        } catch let error as CancellationError {
            throw error
        } catch let error as MailError {
            return error.isRefusal ? .refused(error.message) : .failed(error.message)
        } catch {
            return .failed("\(error)")
        }
    }

    private func send(
        _ notice: AlertNotice, _ key: String, _ mail: ChannelConfiguration.Mail
    ) async throws -> Outcome {
        let text = MailText(notice: notice, key: key, from: mail.from, to: mail.to)
        var login: (user: String, password: String)?
        if let user = mail.user, let file = mail.passwordFile { login = (user, try SecretFile.read(file)) }
        let encryption: MailDelivery.Encryption =
            switch mail.encryption {
            case .none: .none
            case .starttls: .startTLS
            case .tls: .tls
            }
        try await MailDelivery(
            server: mail.server, encryption: encryption, caFile: mail.caFile, login: login, from: mail.from,
            to: mail.to, message: text.bytes
        ).send(patience: Self.patience)
        return .accepted
    }

    private func send(
        _ notice: AlertNotice, _ key: String, _ webhook: ChannelConfiguration.Webhook
    ) async throws -> Outcome {
        let text = WebhookText(notice: notice, key: key)
        let body = try webhook.template.map(text.fill) ?? text.json()
        let url: String =
            switch webhook.address {
            case .url(let url): url
            case .file(let file): try SecretFile.read(file)
            }
        var headers = [
            "Content-Type: \(webhook.contentType)", "Idempotency-Key: \(key)", "X-Bookend-Alert: \(notice.alert.id)",
            "X-Bookend-Occasion: \(notice.occasion.rawValue)", "Expect:",
        ]
        if let file = webhook.secretFile {
            // The time is signed too, so that a body that somebody kept cannot be sent again for ever.
            let secret = Array(try SecretFile.read(file).utf8)
            let time = "\(notice.at.milliseconds / 1_000)"
            let code = MessageAuthenticationCode.make(of: Array("\(time).".utf8) + body, key: secret)
            headers += ["X-Bookend-Timestamp: \(time)", "X-Bookend-Signature: sha256=\(code)"]
        }
        let status = try await HTTPRequest.post(
            url, headers: headers, body: body, caFile: webhook.caFile, patience: webhook.timeout,
            userAgent: "bookend-collector/\(ProtocolVersion.software)")
        return outcome(status)
    }

    private func send(_ ping: JobPing, _ service: ChannelConfiguration.Healthchecks) async throws -> Outcome {
        var url = service.url.replacing("{policy}", with: ping.policy.rawValue)
            .replacing("{agent}", with: ping.agent.rawValue)
        // What stands behind a question mark stays at the end.
        let mark = url.firstIndex(of: "?") ?? url.endIndex
        let suffix =
            switch ping.status {
            case .running: "/start"
            case _ where ping.status.isSuccess: ""
            default: "/\((1...255).contains(ping.status.rawValue) ? ping.status.rawValue : 1)"
            }
        url.insert(contentsOf: suffix, at: mark)
        let status = try await HTTPRequest.post(
            url, headers: ["Content-Type: text/plain", "Expect:"],
            body: Array("job \(ping.job) of \(ping.policy) on \(ping.agent): \(ping.status)\n".utf8),
            patience: Self.patience, userAgent: "bookend-collector/\(ProtocolVersion.software)")
        return outcome(status)
    }

    private func outcome(_ status: Int) -> Outcome {
        switch status {
        case 200...299: .accepted
        // Not its fault: too early, too many, or it took too long.
        case 400...499 where ![401, 403, 404, 407, 408, 425, 429].contains(status):
            .refused("the server answered \(status)")
        default: .failed("the server answered \(status)")
        }
    }
}
