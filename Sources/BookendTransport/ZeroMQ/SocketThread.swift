import CZeroMQ

/// One thread that owns all ZeroMQ sockets of a daemon. Safe to use from any thread.
///
///     any thread ── outbox, mailbox ──▶ the thread ── batches ──▶ any thread
///
/// A socket is made, used and closed on this thread alone. Keep the object as long as its sockets are wanted.
package final class SocketThread: Network {
    private let mailbox: Mailbox

    static let hasStopped = TransportError(.stopped, "the sockets of this program are closed already: it is stopping")

    /// Starts the thread. It sleeps until there is something to do.
    ///
    /// - Throws: ``TransportError`` with code `.system` when the machine has no descriptors or threads left.
    package init() throws(TransportError) {
        let mailbox = try Mailbox()
        self.mailbox = mailbox
        guard let context = zmq_ctx_new() else {
            throw TransportError(.system, "cannot start libzmq: \(RawSocket.reason())")
        }
        zmq_ctx_set(context, ZMQ_BLOCKY, 0)
        // A context may be used from any thread; from here on this one is the thread's alone.
        nonisolated(unsafe) let shared = context
        let result = DetachedThread.start { SocketLoop(context: shared, mailbox: mailbox).run() }
        guard result == 0 else {
            zmq_ctx_term(context)
            throw TransportError(.system, "cannot start a thread: \(SmallFile.reason(result))")
        }
    }

    deinit {
        _ = mailbox.post(.stop(nil))  // false: stopped already
    }

    package func open(_ plan: SocketPlan) async throws(TransportError) -> any MessageSocket {
        try plan.check()
        let result = await withCheckedContinuation { continuation in
            if !mailbox.post(.open(plan, continuation)) { continuation.resume(returning: .failure(Self.hasStopped)) }
        }
        return try result.get()
    }

    /// Closes all sockets and ends. Takes at most the longest linger time. Stopping twice does no harm.
    package func stop() async {
        await withCheckedContinuation { continuation in
            if !mailbox.post(.stop(continuation)) { continuation.resume() }
        }
    }
}
