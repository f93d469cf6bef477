"""One address for several servers: each request goes to the next one.

Only what belongs to an MCP session of the protocol's older revisions goes to the server that began it, as it must with
any balancer: such a session lives in one process.
"""

import contextlib
import http.client
import itertools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STICKY = "mcp-session-id"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}


class Balancer(ThreadingHTTPServer):
    """Listens on a free port."""

    daemon_threads = True
    # Many clients connect at once; those beyond the queue are reset.
    request_queue_size = 1024

    def __init__(self, addresses: list[str]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.next = itertools.cycle(addresses)
        self.sessions: dict[str, str] = {}
        self.served = dict.fromkeys(addresses, 0)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is none."""


class Handler(BaseHTTPRequestHandler):
    """Hands one client's requests on."""

    protocol_version = "HTTP/1.1"
    # Head and body are written one after the other; the second would wait some 40 ms for the first one's receipt.
    disable_nagle_algorithm = True
    server: Balancer

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.hand_on
        raise AttributeError(name)

    def log_message(self, format: str, *arguments: object) -> None:
        """The servers have their own logs."""

    def body(self) -> bytes:
        """The request's body."""
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def hand_on(self) -> None:
        """Sends the request on and the answer back, as it comes."""
        body = self.body()
        address = self.server.sessions.get(self.headers.get(STICKY, "")) or next(self.server.next)
        self.server.served[address] += 1
        upstream = http.client.HTTPConnection(address, timeout=120)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP | {"content-length", "expect"}:
                upstream.putheader(name, value)
        if body or self.command in ("POST", "PUT", "PATCH"):
            upstream.putheader("content-length", str(len(body)))
        upstream.endheaders(body)
        with contextlib.closing(upstream):
            answer = upstream.getresponse()
            if session := answer.getheader(STICKY):
                self.server.sessions[session] = address
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            whole = answer.getheader("content-length") is not None or answer.status in (204, 304) or answer.status < 200
            chunked = not whole and self.command != "HEAD"
            if chunked:
                self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            while part := answer.read1(65_536):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
                self.wfile.flush()
            if chunked:
                self.wfile.write(b"0\r\n\r\n")


@contextlib.contextmanager
def balancing(urls: list[str]) -> Iterator[str]:
    """One URL for several; at the end each of them must have served."""
    balancer = Balancer([url.removeprefix("http://") for url in urls])
    thread = threading.Thread(target=balancer.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{balancer.server_port}"
        assert all(balancer.served.values()), balancer.served
    finally:
        balancer.shutdown()
        thread.join()
        balancer.server_close()
