/// The way of one life to what is stored: fails when the disk does, dies where it is marked to, and does nothing once it is
/// dead.
struct Transactions: Sendable {
    let life: Life
    let disk: Disk

    func write<T, E: Error>(
        _ what: String, _ failure: (String) -> E, _ body: () throws(E) -> T
    ) throws(E) -> T {
        guard life.passes(.beforeCommit(what)) else { throw failure("the process is dead") }
        if disk.refuses(writing: true) { throw failure("the simulated disk is \(disk.mode.rawValue)") }
        let result = try body()
        life.hasCommitted()
        guard life.passes(.afterCommit(what)) else { throw failure("the process is dead") }
        return result
    }

    func read<T, E: Error>(_ failure: (String) -> E, _ body: () throws(E) -> T) throws(E) -> T {
        guard life.isAlive else { throw failure("the process is dead") }
        if disk.refuses(writing: false) { throw failure("the simulated disk is \(disk.mode.rawValue)") }
        return try body()
    }
}
