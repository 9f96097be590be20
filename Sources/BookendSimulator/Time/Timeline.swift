import BookendModel

/// Virtual time: what is to happen, in order, and nothing between.
///
/// Like everything in a simulated world it belongs to the one thread that runs it.
final class Timeline: @unchecked Sendable {
    private struct Entry {
        var at: Int64
        var number: Int
        var body: () -> Void
    }

    /// Jobs that may follow from one moment; more is a loop without an end.
    private static let jobLimit = 2_000_000

    /// Milliseconds since the world began.
    private(set) var now: Int64 = 0
    private var heap: [Entry] = []
    private var lastNumber = 0

    /// What is to be done at a time; at once if that has passed. In the order of the calls where times are the same.
    func at(_ time: Int64, _ body: @escaping () -> Void) {
        lastNumber += 1
        heap.append(Entry(at: max(time, now), number: lastNumber, body: body))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(heap[child], heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    func after(_ delay: Int64, _ body: @escaping () -> Void) { at(now + delay, body) }

    /// Lets time pass until `end`.
    ///
    /// - Returns: `false`: one moment has no end.
    func run(until end: Int64) -> Bool {
        guard VirtualExecutor.drain(limit: Self.jobLimit) else { return false }
        while let first = heap.first, first.at <= end {
            now = first.at
            removeFirst()
            first.body()
            guard VirtualExecutor.drain(limit: Self.jobLimit) else { return false }
        }
        now = max(now, end)
        return true
    }

    /// Forgets what was to come.
    func clear() { heap = [] }

    private func precedes(_ left: Entry, _ right: Entry) -> Bool {
        left.at != right.at ? left.at < right.at : left.number < right.number
    }

    private func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, precedes(heap[child + 1], heap[child]) { child += 1 }
            guard precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
