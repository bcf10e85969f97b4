"""Somebody who takes webhooks."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Takes webhooks."""

    def __init__(self):
        received = self.received = []
        receiver, self.answer = self, 204

        class Handler(BaseHTTPRequestHandler):
            """Keeps what comes, with the time, and gives its answer."""

            def do_POST(self):
                received.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"])), time.monotonic()))
                self.send_response(receiver.answer)
                self.end_headers()

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
