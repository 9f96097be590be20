package import BookendFiles
package import BookendModel
import BookendTransport
import Glibc

/// How a daemon's program enrolls its server with a token.
package struct DaemonEnrollment: Sendable {
    package var token: EnrollmentTicket
    package var name: String
    package var keyFile: String
    package var stateDirectory: String
    /// For messages: `bookend-agent`.
    package var program: String

    /// - Parameter token: The text; `-`: it is read from standard input, so that no process listing ever shows it.
    ///   An argument is hidden as soon as it was read.
    /// - Throws: ``TransportError`` when it is no token for this role.
    package init(
        token: String, role: PeerRole, name: String, keyFile: String, stateDirectory: String, program: String
    ) throws {
        ProcessPrivacy.forbidDumps()
        ProcessPrivacy.hideArgument(token)
        var text = token
        if token == "-" { text = readLine() ?? "" }
        self.token = try TokenText.parse(text.filter { !$0.isWhitespace }, for: [role])
        self.name = name
        self.keyFile = keyFile
        self.stateDirectory = stateDirectory
        self.program = program
    }

    /// Makes the key if there is none, enrolls it, and writes down what came of it. The same again does no harm.
    ///
    /// - Parameter make: The file to write, from the coordinator's answer.
    /// - Returns: Who this server is now.
    package func run(_ make: (EnrolledPeer) throws -> EnrollmentFile) async throws -> EnrolledPeer {
        let directory = try StateDirectory(path: stateDirectory)
        defer { withExtendedLifetime(directory) {} }
        let keys = try ownKeys()
        let role = token.peerRole.rawValue
        let (program, name) = (program, name)
        let peer: EnrolledPeer
        do {
            peer = try await EnrollmentClient(token, keys: keys, name: name).enroll(
                patience: .seconds(30), approval: .seconds(86_400)
            ) {
                DaemonProgram.complain(
                    program,
                    "waiting for an operator's word. There: bookend \(role) list, and if the key is \(keys.publicKey): "
                        + "bookend \(role) approve NAME (asked for: \(name))")
            }
        } catch let failure as EnrollmentClient.Failure {
            switch failure {
            case .refused(let failure): throw DaemonError("not enrolled: \(failure.message)")
            case .unreachable(let reason): throw DaemonError("not enrolled: \(reason)")
            }
        }
        try write(try make(peer).text, to: directory.file(EnrollmentFile.name))
        return peer
    }

    private func ownKeys() throws -> CurveKeyPair {
        if access(keyFile, F_OK) == 0 { return try CurveKeyPair.read(secretFile: keyFile) }
        let keys = try CurveKeyPair.generate()
        try keys.write(secretFile: keyFile)
        return keys
    }

    /// Whole or not at all, and on the disk.
    private func write(_ text: String, to path: String) throws {
        let fresh = path + ".new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        let bytes = Array(text.utf8)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
            close(descriptor) == 0, rename(fresh, path) == 0
        else { throw DaemonError("cannot write \(path): \(String(cString: strerror(errno)))") }
    }
}
