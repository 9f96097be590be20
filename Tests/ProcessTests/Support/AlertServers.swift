import BookendTestSupport

/// A mail server of `aiosmtpd`: prints each mail that it gets as a line of JSON.
///
/// While the file `refuse-one` stands in its folder, with an address and an answer in it, that recipient is answered so.
/// While the file `refuse` stands in its folder, a mail is answered with what stands there. While the file `hold` stands in its folder, an answer to a mail waits until it is gone.
struct MailServer: Sendable {
    enum Way: String, Sendable { case plain, starttls, tls }

    let port: UInt16
    let program: RunningProgram

    private static let code = """
        import email, email.policy, json, os, ssl, sys, time
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult, LoginPassword
        port, way, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if way != "plain":
            context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                if os.path.exists(folder + "/refuse-one"):
                    who, answer = open(folder + "/refuse-one").read().split(" ", 1)
                    if who == address:
                        return answer
                envelope.rcpt_tos.append(address)
                return "250 ok"
            async def handle_DATA(self, server, session, envelope):
                if os.path.exists(folder + "/refuse"):
                    return open(folder + "/refuse").read()
                mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
                print(json.dumps({
                    "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": server.transport.get_extra_info("ssl_object") is not None,
                    "login": bool(session.authenticated), "headers": {k: str(v) for k, v in mail.items()},
                    "body": mail.get_content().replace("\\r\\n", "\\n"),
                    "longest": max(len(line) for line in envelope.content.split(b"\\r\\n"))}), flush=True)
                while os.path.exists(folder + "/hold"):
                    time.sleep(0.02)
                return "250 taken"
        def login(server, session, envelope, mechanism, data):
            good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"bookend", b"s3cret word")
            return AuthResult(success=good)
        options = {} if way == "plain" else {"auth_required": True, "authenticator": login}
        if way == "starttls":
            options.update(tls_context=context, require_starttls=True)
        if way == "tls":
            options.update(ssl_context=context, auth_require_tls=False)
        Controller(Handler(), hostname="127.0.0.1", port=port, **options).start()
        print("ready", flush=True)
        while True:
            time.sleep(3600)
        """

    static func start(_ way: Way, in folder: String, port: UInt16? = nil) async throws -> MailServer {
        let port = try port ?? FreePorts.find(1)[0]
        let program = RunningProgram(
            "mail-\(way.rawValue)",
            try await PythonHome.interpreter(
                "python-mail", requirements: "tools/mail-requirements.txt", modules: "aiosmtpd"),
            ["-c", code, "\(port)", way.rawValue, folder])
        _ = try await program.output.first("ready", patience: .seconds(30)) { $0 == "ready" }
        return MailServer(port: port, program: program)
    }

    /// The mail with this number, from 0 on; awaits it.
    func mail(_ number: Int) async throws -> JSON {
        _ = try await program.output.next(after: number + 1, patience: .seconds(60))
        return try JSON(parsing: program.output.all[number + 1])
    }

    var count: Int { program.output.count - 1 }

    /// A certificate for this machine, and its key.
    static func makeCertificate(in folder: String) async throws {
        let end = try await Program.run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem",
            ])
        guard end.status == 0 else { throw Missed(description: "openssl: \(end.errors)") }
    }
}

/// A web server: prints each request as a line of JSON, and answers the first of them as its plan says: `hang`, `close`, or a
/// number; then 204.
struct HookServer: Sendable {
    let port: UInt16
    let program: RunningProgram

    private static let code = """
        import http.server, json, sys, time
        plan = sys.argv[2].split()
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                step = plan.pop(0) if plan else "204"
                print(json.dumps({"path": self.path, "body": body, "step": step,
                                  "headers": {k.lower(): v for k, v in self.headers.items()}}), flush=True)
                if step == "hang":
                    time.sleep(20)
                if step in ("hang", "close"):
                    self.close_connection = True
                    return
                self.send_response(int(step))
                self.end_headers()
            def log_message(self, *words):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
        server.daemon_threads = True
        server.serve_forever()
        """

    static func start(_ plan: String) throws -> HookServer {
        let port = try FreePorts.find(1)[0]
        return HookServer(
            port: port, program: RunningProgram("hook", "/usr/bin/python3", ["-c", code, "\(port)", plan]))
    }

    /// The request with this number, from 0 on; awaits it.
    func request(_ number: Int) async throws -> JSON {
        _ = try await program.output.next(after: number, patience: .seconds(90))
        return try JSON(parsing: program.output.all[number])
    }
}
