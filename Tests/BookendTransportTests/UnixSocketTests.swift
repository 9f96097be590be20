import BookendModel
import Glibc
import Synchronization
import Testing

@testable import BookendTransport

/// Who reaches a Unix socket, and how it is known who that was.
@Suite(.timeLimit(.minutes(5))) struct UnixSocketTests {
    @Test func `a message over a Unix socket tells the user and the process that sent it`() async throws {
        try await Stage.with(.unix) { stage in
            let router = try await stage.serve(.router)
            let dealer = try await stage.connect(.dealer, to: router)
            dealer.send([frame("hello")])
            var reader = Reader(router)
            let delivery = try await reader.event { if case .message = $0 { true } else { false } }
            #expect(delivery.sender == nil)
            #expect(delivery.address == .process(uid: getuid(), gid: getgid(), pid: getpid()))
        }
    }

    /// As another user, where the test may become one.
    @Test(.enabled(if: getuid() == 0)) func `the user is the kernel's word, and not the sender's`() async throws {
        try await Stage.with(.unix) { stage in
            let router = try await stage.serve(.router)
            let path = "\(stage.folder)/socket"
            chmod(stage.folder, 0o755)
            chmod(path, 0o666)
            // Speaks ZMTP by hand: greeting, READY of a dealer, one message.
            let program = """
                import os, socket, sys
                os.setgid(4242); os.setuid(4343)
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
                def step(data): s.sendall(data); s.recv(1 << 16)
                step(b'\\xff' + b'\\0' * 8 + b'\\x7f')
                step(b'\\3\\0' + b'NULL' + b'\\0' * 16 + b'\\0' * 32)
                ready = b'\\5READY' + b'\\x0bSocket-Type' + b'\\0\\0\\0\\6DEALER'
                s.sendall(b'\\4' + bytes([len(ready)]) + ready)
                s.sendall(b'\\0\\5hello')
                sys.stdin.read()
                """
            let (input, child) = try Self.python(program, path)
            defer {
                close(input)
                waitpid(child, nil, 0)
            }
            var reader = Reader(router)
            let delivery = try await reader.event { if case .message = $0 { true } else { false } }
            #expect(delivery.message?.frames == [frame("hello")])
            #expect(delivery.address == .process(uid: 4343, gid: 4242, pid: child))
        }
    }

    /// - Returns: The writing end of its standard input, and its id.
    private static func python(_ program: String, _ argument: String) throws -> (input: Int32, pid: pid_t) {
        var pipe: [Int32] = [0, 0]
        #expect(Glibc.pipe(&pipe) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipe[0], 0)
        posix_spawn_file_actions_addclose(&actions, pipe[1])
        let texts: [String] = ["python3", "-c", program, argument]
        var words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, "/usr/bin/python3", &actions, nil, &words, environ)
        close(pipe[0])
        try #require(result == 0)
        return (pipe[1], pid)
    }

    @Test func `over TCP the sender's address is told`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let dealer = try await stage.connect(.dealer, to: router)
            dealer.send([frame("hello")])
            var reader = Reader(router)
            let delivery = try await reader.event { if case .message = $0 { true } else { false } }
            #expect(delivery.address == .host("127.0.0.1"))
        }
    }

    @Test(arguments: [UnixSocketAccess(), UnixSocketAccess(mode: .owner), UnixSocketAccess(group: "root")])
    func `a socket's file lets in whom its access names`(access: UnixSocketAccess) async throws {
        try await Stage.with(.unix) { stage in
            let endpoint = try Endpoint("ipc://\(stage.folder)/socket")
            _ = try await stage.server.open(SocketPlan(.router, endpoint, .local, access: access))
            var status = stat()
            #expect(stat("\(stage.folder)/socket", &status) == 0)
            #expect(status.st_mode & 0o777 == (access.mode == .owner ? 0o600 : 0o660))
            #expect(status.st_gid == (access.group == nil ? getegid() : 0))
        }
    }

    /// Somebody looks all the time: the umask, which lets others read, decides at no instant.
    @Test func `a socket's file is never open to others, from the instant it is there`() async throws {
        try await Stage.with(.unix) { stage in
            let path = "\(stage.folder)/socket"
            let seen = Mutex<Set<mode_t>>([])
            let isOver = Mutex(false)
            let ended = AsyncStream<Void>.makeStream()
            let result = DetachedThread.start {
                var modes: Set<mode_t> = []
                while !isOver.withLock({ $0 }) {
                    var status = stat()
                    if stat(path, &status) == 0 { modes.insert(status.st_mode & 0o777) }
                }
                seen.withLock { $0 = modes }
                ended.continuation.finish()
            }
            try #require(result == 0)
            for _ in 0..<200 {
                // libzmq closes what listened a little later.
                while true {
                    do {
                        await (try await stage.serve(.router)).close()
                        break
                    } catch let error as TransportError where error.code == .addressInUse {
                        await Task.yield()
                    }
                }
            }
            isOver.withLock { $0 = true }
            for await _ in ended.stream {}
            #expect(seen.withLock { $0 }.isSubset(of: [0o600, 0o660]))
        }
    }

    @Test func `a group that there is not stops the socket, and says what to do`() async throws {
        try await Stage.with(.unix) { stage in
            let endpoint = try Endpoint("ipc://\(stage.folder)/socket")
            let access = UnixSocketAccess(group: "no-such-group")
            let error = await #expect(throws: TransportError.self) {
                try await stage.server.open(SocketPlan(.router, endpoint, .local, access: access))
            }
            #expect(error?.message.contains("there is no group no-such-group: make it with groupadd") == true)
        }
    }

    @Test(arguments: ["192.0.2.7", "::1", "fe80::1:2:3", "::ffff:192.0.2.7"])
    func `an address of TCP is taken as it is`(text: String) {
        #expect(PeerAddress(property: text, isUnix: false) == .host(text))
        #expect(PeerAddress(property: "", isUnix: false) == nil)
    }

    @Test(arguments: [
        (":0:0:1", PeerAddress.process(uid: 0, gid: 0, pid: 1)),
        ("localhost:4294967295:7:8", .process(uid: .max, gid: 7, pid: 8)), ("localhost:a:b:c", nil), ("1:2", nil),
        ("", nil), ("localhost", nil),
    ])
    func `of a Unix socket the last three numbers are read, and nothing is made up`(
        text: String, address: PeerAddress?
    ) {
        #expect(PeerAddress(property: text, isUnix: true) == address)
    }
}
