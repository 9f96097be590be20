import Foundation
import Glibc

/// A place that every user can come to, with the agent's programs in it: a checkout may lie in a directory that is closed. Only for
/// root.
struct OpenPlace: Sendable {
    let directory: String
    var agent: String { directory + "/bin/bookend-agent" }

    static func with(_ body: (OpenPlace) async throws -> Void) async throws {
        let place = OpenPlace(directory: "/var/lib/bookend-tests-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        do {
            try await place.fill()
            try await body(place)
        } catch {
            place.remove()
            throw error
        }
        place.remove()
    }

    private func fill() async throws {
        let files = FileManager.default
        try files.createDirectory(
            atPath: directory + "/bin", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        // Whatever the umask: others go through.
        for path in [directory, directory + "/bin"] { chmod(path, 0o755) }
        var libraries: Set<String> = []
        for name in ["bookend-agent", "bookend-supervisor"] {
            let own = Program.path(name)
            try files.copyItem(atPath: own, toPath: directory + "/bin/" + name)
            chmod(directory + "/bin/" + name, 0o755)
            let list = try await Program.run("ldd", [own]).output  // Nothing for one that is linked statically.
            for line in list.split(separator: "\n") where line.contains("=> /") {
                let path = line.drop { $0 != "/" }.prefix { $0 != " " }
                if !path.hasPrefix("/lib"), !path.hasPrefix("/usr/lib") { libraries.insert(String(path)) }
            }
        }
        // Programs look for libraries beside themselves when they are not where the compiler had them.
        for path in libraries {
            let copy = directory + "/bin/" + URL(fileURLWithPath: path).lastPathComponent
            try files.copyItem(atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path, toPath: copy)
            chmod(copy, 0o755)
        }
    }

    private func remove() {
        try? FileManager.default.removeItem(atPath: directory)  // a test's rubbish
    }
}
