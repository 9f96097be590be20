import CZeroMQ
import Glibc

// A server: where it listens, and what watches it.
extension RawSocket {
    /// Closes a server, and what watches it: first nobody is told any more.
    func close(monitor: RawSocket?, linger: Duration) {
        if monitor != nil { zmq_socket_monitor(pointer, nil, 0) }
        close(linger: linger)
        monitor?.close(linger: .zero)
    }

    /// Tells which connections of a server end. Never holds libzmq up: it is read in each round, and has no bound.
    func watchEnds(in context: UnsafeMutableRawPointer, _ id: SocketID) throws(TransportError) -> RawSocket {
        let monitor = try RawSocket(context, ZMQ_PAIR)
        do throws(TransportError) {
            try monitor.set(ZMQ_RCVHWM, Int32(0))
            let address = "inproc://ends.\(id)"
            guard zmq_socket_monitor(pointer, address, ZMQ_EVENT_DISCONNECTED) == 0,
                zmq_connect(monitor.pointer, address) == 0
            else { throw TransportError(.system, "cannot watch connections: \(Self.reason())") }
            return monitor
        } catch {
            monitor.close(linger: .zero)
            throw error
        }
    }

    /// Binds, and says where.
    func bind(_ endpoint: Endpoint, _ access: UnixSocketAccess) throws(TransportError) -> Endpoint {
        if case .ipc(let path) = endpoint.place {
            try UnixSocketFile.clear(path)
            // libzmq would make the file as the umask says, and it is the owner of the descriptor from here on.
            try set(ZMQ_USE_FD, try UnixSocketFile.listen(path, access))
        }
        guard zmq_bind(pointer, endpoint.description) == 0 else {
            let reason = Self.reason()
            throw zmq_errno() == EADDRINUSE
                ? TransportError(.addressInUse, "somebody listens at \(endpoint) already: is another daemon running?")
                : TransportError(.unavailable, "cannot listen at \(endpoint): \(reason)")
        }
        guard endpoint.isTCP, let colon = lastEndpoint.lastIndex(of: ":"),
            let port = UInt16(lastEndpoint[lastEndpoint.index(after: colon)...])
        else { return endpoint }
        return endpoint.with(port: port)
    }
}
