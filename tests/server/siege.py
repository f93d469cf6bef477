"""What `composio serve` does while others try to stop it: callers with a key notice next to nothing.

python tests/server/siege.py path/to/composio
python tests/server/siege.py --hostile schema|lists     what it has for an MCP server

For a minute the server has 512 MB of address space, and is attacked in every way at once that takes no key: forbidden
uploads, readers that do not read, crowds of connections, slow senders. Callers of another project use hostile MCP
servers. Sixteen callers with a key go on meanwhile.
"""

import contextlib
import dataclasses
import http.client
import json
import multiprocessing
import pathlib
import random
import resource
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

ADDRESSES = 512 << 20
"""Bytes of address space that the server may have, `ulimit -v`."""
QUIET = 8
SIEGE = 60
CLIENTS = 16
PAUSE = 0.05
"""Seconds between a client's calls: two cores have the server, its clients and the attackers to run."""
FASTEST = 0.025
"""Seconds. A machine that is faster than this while it is quiet is measured by this."""
SLOWER = 10
PEAK = 256 << 20
"""Bytes that the server may have in memory."""
LEFT = 64 << 20
"""Bytes by which it may have more when all is over: what the allocator keeps."""
CROWD = 1_030
SLOW = 64
PIECE = b"x" * 65_536
PREFIX = "/api/v3.1"
HOSTILE = ["schema", "lists"]

Address = tuple[str, int]


def hostile(how: str) -> None:
    """An MCP server that wants to take all memory or all time: by one schema, or by a list without an end."""
    # What each level says doubles what there is to check.
    levels: dict[str, Any] = {"l0": {"type": "string"}}
    for level in range(1, 40):
        levels[f"l{level}"] = {"anyOf": [{"$ref": f"#/$defs/l{level - 1}"}] * 2}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/l39"}}, "$defs": levels}
    run = {"name": "run", "description": "Runs.", "inputSchema": schema if how == "schema" else {"type": "object"}}
    page = 0
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        answer: dict[str, Any] = {"result": {}}
        if request["method"] == "initialize":
            version = request["params"]["protocolVersion"]
            server = {"name": "hostile", "version": "1"}
            answer["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
        elif request["method"] == "tools/list" and how == "lists":
            page += 1
            more = [{**run, "name": f"run_{page}_{tool}", "description": "x" * 2_000} for tool in range(500)]
            answer["result"] = {"tools": more, "nextCursor": str(page)}
        elif request["method"] == "tools/list":
            answer["result"] = {"tools": [run]}
        elif request["method"] == "tools/call":
            answer["result"] = {"content": []}
        elif request["method"] != "ping":
            answer = {"error": {"code": -32601, "message": "no such method"}}
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}), flush=True)


@dataclasses.dataclass
class Server:
    """A server that runs."""

    address: Address
    pid: int
    key: str
    other: str
    """A key of another project."""

    @property
    def memory(self) -> int:
        """Bytes in memory."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
        raise AssertionError("the server is gone")


@contextlib.contextmanager
def serving(program: str) -> Iterator[Server]:
    """A server with little memory, and a key for it."""
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "composio.toml")
        servers = [
            f"[[mcp]]\nslug = {json.dumps(how)}\ncommand = {json.dumps(sys.executable)}\n"
            f"args = {json.dumps([__file__, '--hostile', how])}\n"
            for how in HOSTILE
        ]
        config.write_text("".join(servers))
        base = [program, "--config", str(config), "--data", folder]
        create = [*base, "keys", "create", "--json", "--project"]
        keys = [
            json.loads(subprocess.run([*create, project], capture_output=True, text=True, check=True).stdout)["key"]
            for project in ("default", "other")
        ]
        limit = f'ulimit -v {ADDRESSES >> 10}; exec "$0" "$@"'
        command = ["bash", "-c", limit, *base, "serve", "--listen", "127.0.0.1:0", "--json"]
        log = pathlib.Path(folder, "log")
        with (
            log.open("w") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as server,
        ):
            assert server.stdout is not None
            try:
                listening = json.loads(server.stdout.readline())["listening"].removeprefix("http://")
                host, port = listening.rsplit(":", 1)
                yield Server((host, int(port)), server.pid, *keys)
                assert server.poll() is None, f"the server ended by itself\n{log.read_text()[-2000:]}"
                failures = [line for line in log.read_text().splitlines() if " ERROR " in line or "panicked" in line]
                assert not failures, "\n".join(failures[:10])
            finally:
                server.terminate()
                try:
                    assert server.wait(timeout=60) == 0
                finally:
                    server.kill()


class Client:
    """A caller with a key, on one connection or on one a call."""

    def __init__(self, server: Server, stays: bool) -> None:
        self.server, self.stays = server, stays
        self.connection: http.client.HTTPConnection | None = None

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.server.address, timeout=30)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        status, text = answer.status, answer.read()
        if not self.stays:
            self.connection.close()
            self.connection = None
        return status, text

    def call(self, path: str, body: Any, expected: int = 200) -> Any:
        """One call of the contract."""
        headers = {"x-api-key": self.server.key, "content-type": "application/json"}
        status, text = self.send("POST", PREFIX + path, json.dumps(body), headers)
        assert status == expected, f"{path}: {status} {text[:500]!r}"
        return json.loads(text)

    def url(self, session: str, kind: str, path: str) -> str:
        """The path of a signed URL."""
        at = f"/tool_router/session/{session}/mounts/files/{kind}"
        url: str = self.call(at, {"mount_relative_path": path})[kind]
        return "/" + url.split("/", 3)[3]


def work(server: Server, number: int, end: threading.Event, times: list[float]) -> None:
    """Creates sessions, searches and runs tools, and notes how long each took."""
    client = Client(server, stays=number % 2 == 0)

    def timed(path: str, body: Any, expected: int = 200) -> Any:
        start = time.monotonic()
        reply = client.call(path, body, expected)
        times.append(time.monotonic() - start)
        end.wait(PAUSE)
        return reply

    while not end.is_set():
        settings = {"user_id": f"user_{number}", "toolkits": {"enable": ["time", "files"]}}
        session = timed("/tool_router/session", settings, 201)["session_id"]
        for turn in range(3):
            found = timed(f"/tool_router/session/{session}/search", {"queries": [{"use_case": "what time is it"}]})
            assert "TIME_NOW" in json.dumps(found), found
            now = {"tool_slug": "TIME_NOW", "arguments": {"timezone": "Asia/Tokyo"}}
            ran = timed(f"/tool_router/session/{session}/execute", now)
            assert ran["data"]["timezone"] == "Asia/Tokyo", ran
            if turn == 0 and number < 4:
                # A file, up and down.
                content = random.randbytes(200_000)
                status, text = client.send("PUT", client.url(session, "upload_url", "a.bin"), content, {})
                assert status == 200, text
                status, back = client.send("GET", client.url(session, "download_url", "a.bin"), None, {})
                assert status == 200 and back == content


def measure(server: Server, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> list[float]:
    """What the callers see for so long: the times of their calls, sorted."""
    end = threading.Event()
    times: list[list[float]] = [[] for _ in range(CLIENTS)]
    failures: list[str] = []

    def run(number: int) -> None:
        try:
            work(server, number, end, times[number])
        except (AssertionError, OSError, http.client.HTTPException) as error:
            failures.append(f"client {number}: {error!r}")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    stop = time.monotonic() + seconds
    while time.monotonic() < stop and not failures:
        meanwhile()
        time.sleep(0.25)
    end.set()
    for thread in threads:
        thread.join()
    assert not failures, "\n".join(failures)
    return sorted(time for each in times for time in each)


def percentile(times: list[float]) -> float:
    """The 99th."""
    return times[len(times) * 99 // 100]


# The attackers, each a process of its own. They count what they did, so that a siege of nobody is noticed.


def uploads(address: Address, path: str, count: Any) -> None:
    """Sends 90 MB to where nobody may, again and again, on eight connections."""

    def run() -> None:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(address, timeout=30) as stream:
                head = f"PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {90 << 20}\r\n\r\n"
                stream.sendall(head.encode())
                with contextlib.suppress(OSError):
                    for _ in range((90 << 20) // len(PIECE)):
                        stream.sendall(PIECE)
                if stream.recv(12) == b"HTTP/1.1 403":
                    with count.get_lock():
                        count.value += 1
            time.sleep(0.2)

    for _ in range(7):
        threading.Thread(target=run, daemon=True).start()
    run()


class Crowd:
    """Many connections that say something, and do not listen."""

    def __init__(self, address: Address, count: Any) -> None:
        self.address, self.count = address, count
        self.ends = select.poll()
        self.open: dict[int, socket.socket] = {}

    def join(self, greeting: bytes, source: str) -> None:
        """One more connection."""
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stream.bind((source, 0))
        stream.settimeout(2)
        try:
            stream.connect(self.address)
            stream.sendall(greeting)
        except OSError:
            stream.close()
            return
        stream.setblocking(False)
        # Nothing but its end is heard of: what the server sends is not read.
        self.ends.register(stream, select.POLLRDHUP)
        self.open[stream.fileno()] = stream
        with self.count.get_lock():
            self.count.value += 1

    def look(self, say: bytes | None) -> None:
        """Leaves what the server has closed, and says a little more on the others."""
        for number, _ in self.ends.poll(0):
            self.ends.unregister(number)
            self.open.pop(number).close()
        for stream in self.open.values() if say else ():
            # What is closed meanwhile is seen the next time.
            with contextlib.suppress(OSError):
                stream.send(say)


def crowd(address: Address, path: str, count: Any) -> None:
    """Clients that ask for the document eight times, and do not read it; half of them from other addresses."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    clients = Crowd(address, count)
    greeting = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode() * 8
    while True:
        # So many a second that it is full within ten.
        for number in range(min(50, CROWD - len(clients.open))):
            clients.join(greeting, "127.0.0.1" if number % 2 else f"127.0.1.{random.randrange(1, 255)}")
        clients.look(None)
        time.sleep(0.4)


def slow(address: Address, head: str, count: Any) -> None:
    """Clients that send a byte a second."""
    clients = Crowd(address, count)
    while True:
        for _ in range(SLOW - len(clients.open)):
            clients.join(head.encode(), "127.0.0.1")
        clients.look(b"x")
        clients.look(None)
        time.sleep(1)


def readers(address: Address, path: str, count: Any) -> None:
    """Clients that ask for a large file, and do not read it."""
    clients = Crowd(address, count)
    while True:
        for _ in range(CLIENTS - len(clients.open)):
            clients.join(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(), "127.0.0.1")
        clients.look(None)
        time.sleep(1)


def misuse(server: Server, how: str, count: Any) -> None:
    """Calls the tool of a hostile MCP server with arguments that do not fit, twice at a time."""

    def run() -> None:
        client = Client(dataclasses.replace(server, key=server.other), stays=False)
        settings = {"user_id": "mallory", "toolkits": {"enable": [how]}}
        session = client.call("/tool_router/session", settings, 201)["session_id"]
        body = {"tool_slug": f"{how.upper()}_RUN", "arguments": {"x": 1}}
        headers = {"x-api-key": server.other, "content-type": "application/json"}
        path = f"{PREFIX}/tool_router/session/{session}/execute"
        while True:
            status, text = client.send("POST", path, json.dumps(body), headers)
            # A list without an end has no such tool, or is no list.
            assert status == 200 if how == "schema" else status in (200, 404, 502), text
            with count.get_lock():
                count.value += 1
            time.sleep(0.5)

    threading.Thread(target=run, daemon=True).start()
    run()


def prepare(server: Server) -> tuple[str, str]:
    """A file of 95 MB to read, and a URL for an upload."""
    client = Client(server, stays=False)
    session = client.call("/tool_router/session", {"user_id": "victim"}, 201)["session_id"]
    status, text = client.send("PUT", client.url(session, "upload_url", "large"), b"x" * (95 << 20), {})
    assert status == 200, text
    return client.url(session, "download_url", "large"), client.url(session, "upload_url", "more")


def metrics(server: Server) -> dict[str, float]:
    """What the server counted."""
    status, text = Client(server, stays=False).send("GET", "/metrics", None, {"x-api-key": server.key})
    assert status == 200, text
    lines = [line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def main() -> None:
    with serving(sys.argv[1]) as server:
        large, upload = prepare(server)
        quiet = measure(server, QUIET)
        before = server.memory
        form = "POST /connect/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 60000\r\n\r\n"
        attacks: dict[str, tuple[Callable[[Address, str, Any], None], str]] = {
            "uploads without a ticket": (uploads, "/files/none"),
            "uploads with a changed ticket": (uploads, upload[:-4] + "AAAA"),
            "readers that do not read": (readers, large),
            "clients that do not listen": (crowd, "/openapi.json"),
            "slow uploads": (slow, "PUT /files/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000000\r\n\r\n"),
            "slow forms": (slow, form),
            "slow headers": (slow, "GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: "),
        }
        counts = {name: multiprocessing.Value("q", 0) for name in attacks}
        for how in HOSTILE:
            counts[f"hostile MCP server: {how}"] = multiprocessing.Value("q", 0)
        processes = [
            multiprocessing.Process(target=attack, args=(server.address, what, counts[name]), daemon=True)
            for name, (attack, what) in attacks.items()
        ]
        for how in HOSTILE:
            arguments = (server, how, counts[f"hostile MCP server: {how}"])
            processes.append(multiprocessing.Process(target=misuse, args=arguments, daemon=True))
        peak = before

        def watch() -> None:
            nonlocal peak
            peak = max(peak, server.memory)

        for process in processes:
            process.start()
        try:
            busy = measure(server, SIEGE, watch)
        finally:
            for process in processes:
                process.kill()
                process.join()
        # The connections end when the server gets to it.
        end = time.monotonic() + 20
        while server.memory > before + LEFT and time.monotonic() < end:
            time.sleep(0.5)
        after, counted = server.memory, metrics(server)
    print(
        f"quiet: {len(quiet):,} calls, 99 % within {percentile(quiet) * 1e3:.0f} ms, {before >> 20} MB\n"
        f"besieged: {len(busy):,} calls, 99 % within {percentile(busy) * 1e3:.0f} ms, at most {peak >> 20} MB; "
        f"afterwards {after >> 20} MB"
    )
    for name, count in counts.items():
        print(f"  {name}: {count.value:,}")
    broken = {name: value for name, value in counted.items() if "broken" in name or "refusals" in name}
    print("  " + ", ".join(f"{name} {value:.0f}" for name, value in broken.items() if value))
    for name, count in counts.items():
        assert count.value >= (2 if "hostile" in name else CLIENTS), f"{name}: the attacker did nothing"
    assert counts["clients that do not listen"].value >= CROWD
    for reason in ("stalled", "crowded_out"):
        assert counted.get(f'composio_http_connections_broken_total{{reason="{reason}"}}'), reason
    assert percentile(busy) < SLOWER * max(percentile(quiet), FASTEST), "callers with a key wait too long"
    assert peak < PEAK, "the server takes too much memory"
    assert after < before + LEFT, "the server keeps its memory"


if __name__ == "__main__":
    if sys.argv[1] == "--hostile":
        hostile(sys.argv[2])
    else:
        main()
