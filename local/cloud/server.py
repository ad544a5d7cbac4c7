"""A small HTTP/1.1 server on the loopback interface.

Werkzeug's own server closes every connection after one request, and waits 10 ms before it does so. The provider under
test keeps its connections open, and its speed is measured. So this is Python's http.server, with the few settings that
it lacks.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from .wire import ConnectionLostError, Request, Response

# Seconds that the server waits at its end for calls that are being answered.
_PATIENCE = 1.0

# For SO_LINGER: closing the connection resets it.
_RESET = struct.pack("ii", 1, 0)


class Server(socketserver.ThreadingTCPServer):
    """A server that listens from its creation on, and after `serve` answers in one thread per connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Request], Response]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.port: int = self.server_address[1]
        self._connections: set[Any] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def serve(self) -> None:
        """Start answering. Until then callers connect and wait."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close all connections: kept-alive connections would never end by themselves."""
        self.shutdown()
        self._thread.join()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + _PATIENCE
        while self._connections and time.monotonic() < end:  # their threads close them
            time.sleep(0.001)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it in a thread of its own."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection and forget it. It is not shut down first, because then it could not be reset."""
        self._connections.discard(request)
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connection errors: a client that is killed closes its connection during an answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    server: Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the caller died while it was sending: for AWS this is not a call
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            response = self.server.answer(Request(self.command, self.path, headers, body))
        except ConnectionLostError:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.close_connection = True
            return
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: http.server would print a line per request."""
