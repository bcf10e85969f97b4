"""A Service: one address for several processes, those that are ready."""

import asyncio
import threading

from waiting import free_port


class Front:
    """Hands each connection to one of its targets in turn. What belongs to a target that is taken out is cut when `cut` says so."""

    def __init__(self):
        self.port, self.targets, self.turn, self.open = free_port(), [], 0, {}
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self.run, args=(ready,), daemon=True).start()
        ready.wait()

    def run(self, ready):
        """Serves for ever, on a thread of its own."""
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", self.port))
        ready.set()
        self.loop.run_forever()

    def point(self, targets, cut=False):
        """Where new connections go from now on."""
        self.loop.call_soon_threadsafe(self.change, list(targets), cut)

    def change(self, targets, cut):
        """The same, on its own thread."""
        self.targets = targets
        if cut:
            for port, writers in self.open.items():
                if port not in targets:
                    for writer in list(writers):
                        writer.transport.abort()

    async def serve(self, reader, writer):
        """One connection."""
        if not self.targets:
            writer.transport.abort()
            return
        self.turn += 1
        port = self.targets[self.turn % len(self.targets)]
        try:
            there, out = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        ours = self.open.setdefault(port, set())
        ours.update((writer, out))
        await asyncio.gather(pump(reader, out), pump(there, writer), return_exceptions=True)
        ours.difference_update((writer, out))


async def pump(reader, writer):
    """Bytes, one way."""
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except (OSError, asyncio.IncompleteReadError, NotImplementedError):
        writer.transport.abort()
