"""A TCP proxy between an agent and a server, whose links can be cut, starved and delayed. CURVE passes through it."""

import asyncio
import socket
import threading


class Link:
    """One way from an agent to a server: as many listening ports as the server has for agents."""

    def __init__(self, name):
        self.name = name
        self.cut = False
        self.delay = 0.0
        self.writers = set()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.fault = threading.Lock()


class Proxy:
    """All links of a fleet, on a thread of its own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="proxy", daemon=True)
        self.thread.start()
        self.links = []

    def link(self, name, targets):
        """Opens a link to these ports of the loopback interface; returns it and the ports that lead to them."""
        async def open_ports():
            link = Link(name)
            ports = []
            for target in targets:
                server = await asyncio.start_server(
                    lambda reader, writer, target=target: self._serve(link, target, reader, writer), "127.0.0.1", 0)
                ports.append(server.sockets[0].getsockname()[1])
            return link, ports
        link, ports = asyncio.run_coroutine_threadsafe(open_ports(), self.loop).result(10)
        self.links.append(link)
        return link, ports

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    # Faults; each may be called from any thread, and `mend` ends them all.

    def cut(self, link):
        """Connections break, new ones are closed at once."""
        self.loop.call_soon_threadsafe(self._cut, link)

    def starve(self, link):
        """Connections stay, and nothing passes."""
        self.loop.call_soon_threadsafe(link.flowing.clear)

    def slow(self, link, seconds):
        """Each piece that passes takes so long."""
        self.loop.call_soon_threadsafe(setattr, link, "delay", seconds)

    def mend(self, link):
        def heal():
            link.cut = False
            link.delay = 0.0
            link.flowing.set()
        self.loop.call_soon_threadsafe(heal)

    def _cut(self, link):
        link.cut = True
        for writer in list(link.writers):
            writer.transport.abort()

    async def _serve(self, link, target, reader, writer):
        if link.cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.transport.abort()
            return
        for one in (writer, far_writer):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.writers |= {writer, far_writer}
        ways = [asyncio.ensure_future(self._pass(link, *way)) for way in ((reader, far_writer), (far_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            link.writers -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _pass(self, link, reader, writer):
        try:
            while piece := await reader.read(65536):
                if link.delay:
                    await asyncio.sleep(link.delay)
                await link.flowing.wait()
                writer.write(piece)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass  # The other way's end closes both.


def free_ports(count):
    """Ports that nobody listens on now; all are held until all are found."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
