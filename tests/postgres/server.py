"""A PostgreSQL server in a temporary folder, for tests.

python tests/postgres/server.py

prints the server's URL, then reads commands from standard input, a line each, and answers each with a line: `create
NAME` makes a database, `stop` ends the server as a crash would, `start` starts it again, `freeze` and `thaw` stop and
continue its processes. The end of the input ends the server and removes its folder, also when whoever started it was
killed.

python tests/postgres/server.py --find

prints the folder of PostgreSQL's programs, or fails.
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator

PASSWORD = "s3cret-of-the-tests"
ATTEMPTS = 10


def programs() -> pathlib.Path:
    """The folder of PostgreSQL's programs."""
    places = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    found = shutil.which("initdb")
    for place in [*reversed(places), *([pathlib.Path(found).parent] if found else [])]:
        if all((place / name).exists() for name in ("initdb", "postgres", "pg_ctl", "psql")):
            return place
    sys.exit("PostgreSQL is not installed; `sh tests/postgres/install.sh` installs it as root on a Debian")


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server with a user `composio` and a password."""

    def __init__(self, folder: pathlib.Path):
        self.bin = programs()
        self.folder = folder
        self.data = folder / "data"
        # The server refuses to run as root.
        self.user = None
        if os.getuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(folder, self.user)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", self.data, "-U", "composio", "--auth=scram-sha-256", f"--pwfile={password}", "-N")
        self._certify()
        # What survives the death of a server's processes does not depend on the disk.
        settings = "fsync = off\nmax_connections = 200\nlisten_addresses = '127.0.0.1'\nssl = on\n"
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{settings}unix_socket_directories = '{folder}'\n")
        for attempt in range(ATTEMPTS):
            self.port = free_port()
            try:
                self.start()
                break
            except subprocess.CalledProcessError:
                # Somebody else may have taken the port meanwhile.
                if attempt == ATTEMPTS - 1:
                    sys.exit((folder / "log").read_text())

    def _certify(self) -> None:
        """Makes a certificate for 127.0.0.1 that nobody trusts."""
        options = ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", self.data / "server.key", "-out", self.data / "server.crt"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *options, *names, *files]
        subprocess.run(command, check=True, user=self.user, cwd=self.folder, stderr=subprocess.DEVNULL)

    def _run(self, program: str, *arguments: object) -> None:
        command = [self.bin / program, *map(str, arguments)]
        subprocess.run(command, check=True, user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        """The URL of the database `postgres`."""
        return self.database("postgres")

    def database(self, name: str) -> str:
        """The URL of a database."""
        return f"postgres://composio:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """Makes a database and returns its URL."""
        command = [self.bin / "psql", "-q", self.url, "-c", f"CREATE DATABASE {name}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return self.database(name)

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = f"-p {self.port}"
        self._run("pg_ctl", "start", "-w", "-s", "-D", self.data, "-l", self.folder / "log", "-o", options)

    def stop(self) -> None:
        """Ends the server's processes at once."""
        self._run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self.data)

    def signal(self, number: int) -> None:
        """Sends a signal to every process of the server."""
        main = int((self.data / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for process in [main, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def freeze(self) -> None:
        """Stops every process; connections stay open and nothing answers."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continues every process."""
        self.signal(signal.SIGCONT)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="composio-postgres-") as name:
        server = Server(pathlib.Path(name))
        try:
            yield server
        finally:
            # It may be stopped already.
            with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
                server.thaw()
                server.stop()


def main() -> None:
    """Serves standard input."""
    if "--find" in sys.argv:
        print(programs())
        return
    # Whoever started this ends it by closing its input, also where Ctrl-C goes to the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with running() as server:
        print(server.url, flush=True)
        for line in sys.stdin:
            match line.split():
                case ["create", name]:
                    print(server.create(name), flush=True)
                case [("stop" | "start" | "freeze" | "thaw") as command]:
                    getattr(server, command)()
                    print(command, flush=True)
                case _:
                    print("there is no such command", flush=True)


if __name__ == "__main__":
    main()
