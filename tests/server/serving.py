"""Starts `composio serve` on a free loopback port with a key of its own, for the tests beside this file.

python tests/server/serving.py path/to/composio COMMAND …

runs a command that finds the server by COMPOSIO_BASE_URL and COMPOSIO_API_KEY. With TEST_SERVERS=2 in the environment
there are two servers behind one address, which share a PostgreSQL database and a folder of files.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from balancer import balancing

sys.path.append(str(pathlib.Path(__file__).parent.parent / "postgres"))
import server as postgres

# A toolkit whose users connect accounts with a key.
KEYED = f"[[toolkit]]\nslug = 'keyed'\nopenapi = '{pathlib.Path(__file__).parent / 'keyed.json'}'\n"

# For programs that send as much as the server can answer, with one key and for one user.
UNLIMITED = "[quota]\nsessions = 0\n" + "".join(
    f"{whose}.requests_per_second = 0\n" for whose in ("user", "project", "key")
)


def key_of(base: list[str], variables: dict[str, str]) -> str:
    """A new key."""
    command = [*base, "keys", "create"]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=variables).stdout.strip()


@contextlib.contextmanager
def process(
    base: list[str], variables: dict[str, str], log: pathlib.Path
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yields a server's URL and its process. At the end it must stop as it should, unless it was killed."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*base, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=errors, text=True, env=variables
        ) as running,
    ):
        assert running.stdout is not None
        try:
            listening = re.match(r"listening on (\S+)", running.stdout.readline())
            assert listening, log.read_text()
            yield listening[1], running
        finally:
            killed = running.poll() is not None
            running.terminate()
            try:
                assert running.wait(timeout=40) == 0 or killed, log.read_text()
            finally:
                running.kill()


@contextlib.contextmanager
def serving(program: str, config: str = "", *, keyless: bool = False) -> Iterator[tuple[str, str]]:
    """Yields the server's base URL and a key, which is empty where it is to have none."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        file = pathlib.Path(folder, "composio.toml")
        file.write_text(config)
        base = [program, "--config", str(file), "--data", folder]
        variables = dict(os.environ)
        secrets = []
        count = int(os.environ.get("TEST_SERVERS", "1"))
        if count > 1:
            database = stack.enter_context(postgres.running())
            variables["COMPOSIO_DATABASE"] = database.create("composio")
            secrets.append(postgres.PASSWORD)
        key = "" if keyless else key_of(base, variables)
        if key:
            secrets.append(key.rsplit("_", 1)[1])
        logs = [pathlib.Path(folder, f"log{number}") for number in range(count)]
        with contextlib.ExitStack() as servers:
            urls = [servers.enter_context(process(base, variables, log))[0] for log in logs]
            yield (urls[0] if count == 1 else servers.enter_context(balancing(urls))), key
        for log in logs:
            written = log.read_text()
            assert not any(secret in written for secret in secrets), "a log holds a secret"
            assert " ERROR " not in written, written


if __name__ == "__main__":
    with serving(sys.argv[1], KEYED) as (url, key):
        variables = os.environ | {"COMPOSIO_BASE_URL": url, "COMPOSIO_API_KEY": key}
        subprocess.run(sys.argv[2:], check=True, env=variables)
