"""Schemathesis against `composio serve`: thousands of requests made from the server's own document, and none that is
answered with a failure of the server or with what the document does not say.

python tests/server/schema.py path/to/composio path/to/schemathesis
"""

import pathlib
import subprocess
import sys

from serving import UNLIMITED, serving

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


def main() -> None:
    """Runs it with a fixed seed, so that it finds the same each time."""
    with serving(sys.argv[1], UNLIMITED) as (url, key):
        config = pathlib.Path(__file__).with_name("schemathesis.toml")
        options = ["--url", url, "--header", f"x-api-key: {key}", "--checks", ",".join(CHECKS)]
        budget = ["--max-examples", "40", "--seed", "7", "--phases", "examples,coverage,fuzzing,stateful"]
        command = [sys.argv[2], "--config-file", str(config), "run", f"{url}/openapi.json", *options, *budget]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    sys.stdout.write(done.stdout if done.returncode else "".join(done.stdout.splitlines(keepends=True)[-4:]))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
