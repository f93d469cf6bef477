"""Starts `composio serve` on a free loopback port with a key of its own, for the tests beside this file.

python tests/server/serving.py path/to/composio COMMAND …

runs a command that finds the server by COMPOSIO_BASE_URL and COMPOSIO_API_KEY.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def serving(program: str, config: str = "", *, keyless: bool = False) -> Iterator[tuple[str, str]]:
    """Yields the server's base URL and a key, which is empty where it is to have none."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "composio.toml")
        file.write_text(config)
        base = [program, "--config", str(file), "--data", folder]
        made = [] if keyless else [*base, "keys", "create"]
        key = subprocess.run(made, check=True, capture_output=True, text=True).stdout.strip() if made else ""
        log = pathlib.Path(folder, "log")
        with (
            log.open("w") as errors,
            subprocess.Popen(
                [*base, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            assert process.stdout is not None
            try:
                listening = re.match(r"listening on (\S+)", process.stdout.readline())
                assert listening, log.read_text()
                yield listening[1], key
            finally:
                process.terminate()
                assert process.wait(timeout=40) == 0, log.read_text()
        written = log.read_text()
        assert not key or key.rsplit("_", 1)[1] not in written, "the log holds the key"
        assert " ERROR " not in written, written


if __name__ == "__main__":
    with serving(sys.argv[1]) as (url, key):
        variables = os.environ | {"COMPOSIO_BASE_URL": url, "COMPOSIO_API_KEY": key}
        subprocess.run(sys.argv[2:], check=True, env=variables)
