import ArgumentParser
import BookendFiles
import BookendModel
import BookendTransport
import Glibc

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Enroll yourself with a token, and speak with that fleet from now on.",
        discussion: """
            Makes your key, which never leaves this machine, and a context of that fleet,
            both below ~/.config/bookend. If an operator must approve, waits for that.
            With - the token is read from standard input: as an argument it stands in the
            shell's history, and for a moment in lists of processes.

            Examples:
              bookend login bookend1-CgZ0Y3…
              bookend login - --context berlin < token
            """)

    @Argument(help: "The token, or - for standard input.")
    var token: String
    @Option(help: "Your name; otherwise the token's, or that of this machine's user.")
    var name: AgentID?
    @Option(help: "The name of the context to write.")
    var context = "fleet"

    func run() async throws {
        let ticket = try ticket()
        if let problem = TextRules.nameProblem(context) { throw ValidationError("--context: \(problem)") }
        let directory = ConnectionOptions.directory(ProcessEnvironment.all)
        let file = directory + "/config.yaml"
        var configuration = try ClientConfiguration.read(path: file)
        let parent = directory.dropLast("/bookend".count)
        mkdir(String(parent), 0o700)  // there already, or the next line says why it cannot be
        if mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw CLIError(.failed, "cannot make \(directory): \(String(cString: strerror(errno)))")
        }
        let keyFile = "\(directory)/\(context).key"
        let keys = try keys(keyFile)
        let peer = try await enroll(ticket, keys)
        var new = ClientConfiguration.Context()
        new.keyFile = keyFile
        new.coordinator = .init(endpoint: peer.places.sync, publicKey: peer.places.coordinatorKey.text)
        let collector = peer.places.collectors.first { $0.key != nil && $0.query != nil }
        if let key = collector?.key, let query = collector?.query {
            new.collector = .init(endpoint: query, publicKey: key.text)
        }
        if let key = collector?.key, let feed = collector?.feed {
            new.feed = .init(endpoint: feed, publicKey: key.text)
        }
        configuration.contexts[context] = new
        configuration.currentContext = context
        try write(configuration.text, to: file)
        Output.write(
            "you are \(peer.identity)\(peer.role.map { ", \($0.rawValue)" } ?? ""), in the context \(context) of \(file)"
        )
        if collector == nil {
            Output.note(
                "the collector does not say where it answers queries from elsewhere: jobs and results are shown once "
                    + "advertise.query stands in collector.yaml and you have logged in again")
        }
    }

    private func ticket() throws -> EnrollmentTicket {
        ProcessPrivacy.hideArgument(token)
        let text = (token == "-" ? readLine() ?? "" : token).filter { !$0.isWhitespace }
        do {
            return try TokenText.parse(text, for: [.operator, .subscriber])
        } catch {
            throw CLIError(.usage, error.message)
        }
    }

    private func keys(_ file: String) throws -> CurveKeyPair {
        do {
            if access(file, F_OK) == 0 { return try CurveKeyPair.read(secretFile: file) }
            let keys = try CurveKeyPair.generate()
            try keys.write(secretFile: file)
            return keys
        } catch {
            throw CLIError(.failed, error.message)
        }
    }

    private func enroll(_ ticket: EnrollmentTicket, _ keys: CurveKeyPair) async throws -> EnrolledPeer {
        let user = ProcessEnvironment.all["USER"].flatMap(AgentID.init(checking:))
        let client = EnrollmentClient(ticket, keys: keys, name: (name ?? user)?.rawValue)
        do {
            return try await client.enroll(patience: .seconds(30), approval: .seconds(86_400)) {
                Output.note("waiting for an operator's word; your public key is \(keys.publicKey)")
            }
        } catch let failure as EnrollmentClient.Failure {
            switch failure {
            case .refused(let failure): throw CLIError(failure)
            case .unreachable(let reason): throw CLIError(.unreachable, reason)
            }
        }
    }

    /// Whole or not at all.
    private func write(_ text: String, to path: String) throws {
        let fresh = path + ".new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        let bytes = Array(text.utf8)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
            close(descriptor) == 0, rename(fresh, path) == 0
        else { throw CLIError(.failed, "cannot write \(path): \(String(cString: strerror(errno)))") }
    }
}
