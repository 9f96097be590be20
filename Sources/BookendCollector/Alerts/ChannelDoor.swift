import BookendCurl
import BookendDaemon
import BookendDigest
import BookendFiles
import BookendModel

/// What became of a try to send a message.
package enum ChannelOutcome: Hashable, Sendable {
    case accepted
    /// Not now: the channel is down, or its configuration wrong.
    case failed(String)
    /// Whoever is there does not want this message.
    case refused(String)
    /// Some of its recipients have it, and these do not.
    case partly(left: [String], String)
}

/// The way out of one channel; a simulation puts its own in its place.
package protocol ChannelSending: Sendable {
    /// - Throws: `CancellationError`.
    func send(_ message: OutgoingMessage) async throws -> ChannelOutcome
}

/// The way out of one channel over the network, or to a command.
struct ChannelDoor: ChannelSending {
    /// For one try of a sign of life.
    static let patience = Duration.seconds(30)

    let channel: ChannelConfiguration
    let clock: any DaemonClock

    func send(_ message: OutgoingMessage) async throws -> ChannelOutcome {
        do {
            switch (channel.kind, message.body) {
            case (.mail(let mail), let body):
                guard let text = Self.mail(body, message.key, mail) else { return .accepted }
                return try await send(text, mail, to: Self.recipients(of: message, mail))
            case (.healthchecks(let service), .ping(let ping)): return try await send(ping, service)
            case (.healthchecks, .notice(let notice)):
                // Only a test: is there anybody?
                return notice.occasion == .test
                    ? .refused("a healthchecks channel is told of jobs, and cannot be tested") : .accepted
            case (let kind, .notice(let notice)):
                return try await send(WebhookText(content: .notice(notice), key: message.key), kind)
            case (let kind, .digest(let digest)):
                return try await send(WebhookText(content: .digest(digest), key: message.key), kind)
            // What no channel of its type is given.
            case (_, .ping), (_, .letter): return .accepted
            }
        } catch let error as CancellationError {
            throw error
        } catch let error as MailError {
            return error.isRefusal ? .refused(error.message) : .failed(error.message)
        } catch {
            return .failed("\(error)")
        }
    }

    /// `nil`: nothing that a mail tells of.
    private static func mail(
        _ body: OutgoingMessage.Body, _ key: String, _ mail: ChannelConfiguration.Mail
    ) -> MailText? {
        switch body {
        case .notice(let notice): MailText(notice: notice, key: key, from: mail.from, to: mail.to)
        case .digest(let digest): MailText(digest: digest, key: key, from: mail.from, to: mail.to)
        case .letter(let letter): MailText(letter: letter, key: key, from: mail.from, to: mail.to)
        case .ping: nil
        }
    }

    /// Those who have not got it yet. When the configuration names none of them any more somebody put it right: then all.
    private static func recipients(of message: OutgoingMessage, _ mail: ChannelConfiguration.Mail) -> [String] {
        let left = message.recipients.map { left in mail.to.filter(left.contains) } ?? []
        return left.isEmpty ? mail.to : left
    }

    private func send(
        _ text: MailText, _ mail: ChannelConfiguration.Mail, to recipients: [String]
    ) async throws -> ChannelOutcome {
        var login: (user: String, password: String)?
        if let user = mail.user, let file = mail.passwordFile { login = (user, try SecretFile.read(file)) }
        let encryption: MailDelivery.Encryption =
            switch mail.encryption {
            case .none: .none
            case .starttls: .startTLS
            case .tls: .tls
            }
        let refused = try await MailDelivery(
            server: mail.server, encryption: encryption, caFile: mail.caFile, login: login, from: mail.from,
            to: recipients, message: text.bytes
        ).send(patience: mail.timeout)
        guard !refused.isEmpty else { return .accepted }
        return .partly(
            left: refused.map(\.recipient), refused.map { "\($0.recipient): \($0.answer)" }.joined(separator: "; "))
    }

    private func send(_ text: WebhookText, _ kind: ChannelConfiguration.Kind) async throws -> ChannelOutcome {
        switch kind {
        case .webhook(let webhook): try await send(text, webhook)
        case .command(let command): try await CommandRun(command, clock: clock).run(text)
        // Healthchecks are told of jobs.
        case .mail, .healthchecks: .accepted
        }
    }

    private func send(_ text: WebhookText, _ webhook: ChannelConfiguration.Webhook) async throws -> ChannelOutcome {
        let body = try webhook.template.map(text.fill) ?? text.json()
        let url: String =
            switch webhook.address {
            case .url(let url): url
            case .file(let file): try SecretFile.read(file)
            }
        var headers = [
            "Content-Type: \(webhook.contentType)", "Idempotency-Key: \(text.key)",
            "X-Bookend-Occasion: \(text.content.occasion)", "Expect:",
        ]
        if let alert = text.content.alert { headers.append("X-Bookend-Alert: \(alert)") }
        if let file = webhook.secretFile {
            // The time is signed too, so that a body that somebody kept cannot be sent again for ever.
            let secret = Array(try SecretFile.read(file).utf8)
            let time = "\(text.content.at.milliseconds / 1_000)"
            let code = MessageAuthenticationCode.make(of: Array("\(time).".utf8) + body, key: secret)
            headers += ["X-Bookend-Timestamp: \(time)", "X-Bookend-Signature: sha256=\(code)"]
        }
        let status = try await HTTPRequest.post(
            url, headers: headers, body: body, caFile: webhook.caFile, patience: webhook.timeout,
            userAgent: "bookend-collector/\(ProtocolVersion.software)")
        return outcome(status)
    }

    private func send(_ ping: JobPing, _ service: ChannelConfiguration.Healthchecks) async throws -> ChannelOutcome {
        var url = service.url.replacing("{policy}", with: ping.policy.rawValue)
            .replacing("{agent}", with: ping.agent.rawValue)
        // What stands behind a question mark stays at the end.
        let mark = url.firstIndex(of: "?") ?? url.endIndex
        let suffix =
            switch ping.status {
            case .running: "/start"
            // Who canceled it knows: the start that was told has an end, and nobody is called.
            case _ where ping.status.isSuccess || ping.status.isWithoutBackup: ""
            default: "/\((1...255).contains(ping.status.rawValue) ? ping.status.rawValue : 1)"
            }
        url.insert(contentsOf: suffix, at: mark)
        var text = "job \(ping.job) of \(ping.policy) on \(ping.agent): \(ping.status)\n"
        if ping.folded > 0 {
            text +=
                "stands for \(ping.folded) earlier messages, which waited for this service; \(ping.foldedFailures) of them "
                + "told of a failure\n"
        }
        let status = try await HTTPRequest.post(
            url, headers: ["Content-Type: text/plain", "Expect:"], body: Array(text.utf8),
            patience: Self.patience, userAgent: "bookend-collector/\(ProtocolVersion.software)")
        return outcome(status)
    }

    private func outcome(_ status: Int) -> ChannelOutcome {
        switch status {
        case 200...299: .accepted
        // Not its fault: too early, too many, or it took too long.
        case 400...499 where ![401, 403, 404, 407, 408, 425, 429].contains(status):
            .refused("the server answered \(status)")
        default: .failed("the server answered \(status)")
        }
    }
}
