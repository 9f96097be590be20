import CLinux
import Glibc

/// Why a program could not begin.
struct SpawnFailure: Error {
    /// The program, or what could not be done for it.
    var what: String
    /// As errno has it.
    var code: Int32
}

/// Starts the program in a session of its own, with nothing of the supervisor's but, unless it was given its own, the
/// environment.
func spawn(_ options: Options, stdout: Int32, stderr: Int32) throws(SpawnFailure) -> pid_t {
    var copy: Int32 = -1
    if let file = options.copy {
        // As ourselves: whoever the program runs as may not reach it by its path.
        copy = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard copy >= 0 else { throw SpawnFailure(what: "the checked copy of \(options.command[0])", code: errno) }
    }
    defer { if copy >= 0 { close(copy) } }
    let path = options.execute ?? options.command[0]
    var pid: pid_t = 0
    var step: Int32 = 0
    let error = withCStrings(options.command) { arguments in
        withCStrings(options.environment ?? []) { environment in
            (options.user?.groups ?? []).withUnsafeBufferPointer { groups in
                path.withCString { path in
                    var program = clinux_program()
                    program.path = path
                    program.arguments = UnsafePointer(arguments)
                    program.environment = UnsafePointer(options.environment == nil ? environ : environment)
                    (program.out, program.err, program.copy) = (stdout, stderr, copy)
                    program.identity.drops_capabilities = options.dropsCapabilities ? 1 : 0
                    program.identity.forbids_new_privileges = options.forbidsNewPrivileges ? 1 : 0
                    if let user = options.user {
                        program.identity.switches_user = 1
                        (program.identity.uid, program.identity.gid) = (user.uid, user.gid)
                        (program.identity.groups, program.identity.group_count) = (groups.baseAddress, groups.count)
                    }
                    return clinux_spawn(&program, &pid, &step)
                }
            }
        }
    }
    guard error != 0 else { return pid }
    switch step {
    case CLINUX_STEP_IDENTITY:
        let user = options.user.map { "to become user \($0.uid)" } ?? "to give up capabilities"
        throw SpawnFailure(what: "\(options.command[0]): \(user)", code: error)
    case CLINUX_STEP_EXECUTE: throw SpawnFailure(what: options.command[0], code: error)
    default: throw SpawnFailure(what: "\(options.command[0]): its descriptors", code: error)
    }
}

private func withCStrings<Value>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Value
) -> Value {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
}

/// Milliseconds since the machine started, sleep included.
func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
