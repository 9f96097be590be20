import Synchronization

/// A list that one task writes and others await: lines of a log, entries of the feed.
final class Board<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0

        mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
            defer { waiters = [:] }
            return Array(waiters.values)
        }
    }

    private let name: String
    private let state = Mutex(State())

    init(_ name: String) {
        self.name = name
    }

    var all: [Element] { state.withLock(\.elements) }

    var count: Int { state.withLock { $0.elements.count } }

    func append(_ element: Element) {
        let waiters = state.withLock { state in
            state.elements.append(element)
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// No more comes.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// What stands behind `position`; awaits it when there is nothing yet.
    ///
    /// - Throws: ``Missed`` when patience runs out or the list is closed.
    func next(after position: Int, patience: Duration = .seconds(120)) async throws -> ArraySlice<Element> {
        let timer = Task {
            // Canceled: whoever waited has what he wanted.
            guard (try? await Task.sleep(for: patience)) != nil else { return }
            for waiter in state.withLock({ $0.takeWaiters() }) { waiter.resume() }
        }
        defer { timer.cancel() }
        let deadline = ContinuousClock.now + patience
        while true {
            let (slice, isClosed) = state.withLock { ($0.elements.dropFirst(position), $0.isClosed) }
            if !slice.isEmpty { return slice }
            guard !isClosed else { throw Missed(description: "\(name): it ended before what was awaited came") }
            guard ContinuousClock.now < deadline else {
                throw Missed(description: "\(name): nothing came within \(patience)")
            }
            try Task.checkCancellation()
            await change(after: position)
        }
    }

    /// The first one behind `position` that fits; awaits it when there is none yet.
    func first(
        _ what: String, after position: Int = 0, patience: Duration = .seconds(120), where fits: (Element) -> Bool
    ) async throws -> Element {
        var position = position
        let deadline = ContinuousClock.now + patience
        while true {
            let slice: ArraySlice<Element>
            do {
                slice = try await next(after: position, patience: max(.zero, deadline - .now))
            } catch let missed as Missed {
                throw Missed(description: "\(what) was awaited in vain: \(missed.description)")
            }
            if let element = slice.first(where: fits) { return element }
            position += slice.count
        }
    }

    private func change(after position: Int) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.elements.count > position || state.isClosed || Task.isCancelled { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}

/// What a test needs or awaits is not there; it says what.
struct Missed: Error, CustomStringConvertible {
    var description: String
}
