"""Every figure of `make bench` in one run: this package, its peer and the floor, side by side.

bench.py --python OURS --peer PEER --mock MOCK --floor FLOOR --ndcg NDCG --wheel WHEEL --node-peer FOLDER
         --library FILE --library-with-router FILE --server FILE --load FILE
         [--only python|node|kotlin|swift|sizes|served …]
"""

import argparse
import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import loaded

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
IMPORT = """
import time
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM"))
print(seconds, int(peak.split()[1]) / 1024)
"""


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=HERE)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def backend(mock: str) -> Iterator[str]:
    command = [mock, "--listen", "127.0.0.1:0", "--bench"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield f"http://{process.stdout.readline().strip().removeprefix('http://')}"
        process.stdin.close()


class Table:
    def __init__(self) -> None:
        self.missed = 0

    def head(self) -> None:
        print(f"\n{'what':<62}{'figure':>14}  {'to reach':<34}{'':<4}")

    def row(self, what: str, figure: str, target: str, reached: bool) -> None:
        self.missed += not reached
        print(f"{what:<62}{figure:>14}  {target:<34}{'ok' if reached else 'MISSED'}", flush=True)

    def at_most(self, what: str, value: float, limit: float, unit: str) -> None:
        self.row(what, f"{value:,.2f} {unit}", f"at most {limit:g} {unit}", value <= limit)

    def at_least(self, what: str, value: float, limit: float, unit: str) -> None:
        self.row(what, f"{value:,.2f} {unit}", f"at least {limit:g} {unit}", value >= limit)


def imports(python: str, statement: str, runs: int) -> tuple[float, float]:
    """Milliseconds and MB, medians."""
    figures = [run(python, "-c", IMPORT.format(statement=statement)).split() for _ in range(runs + 1)][1:]
    return (
        statistics.median(float(seconds) for seconds, _ in figures) * 1e3,
        statistics.median(float(size) for _, size in figures),
    )


class Bench:
    """What the measurements of all languages share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.table = Table()

    def median(self, *command: object, runs: int = 5) -> float:
        return statistics.median(number(*command) for _ in range(runs))

    def beside(self, ours: list[object], floor: list[object], runs: int = 7) -> tuple[float, float, float]:
        """Ours and the floor in turn, so that both see the same machine: both medians, and that of the ratios."""
        pairs = [(number(*ours), number(*floor)) for _ in range(runs)]
        above, below = zip(*pairs, strict=True)
        return statistics.median(above), statistics.median(below), statistics.median(a / b for a, b in pairs)


def number(*command: object) -> float:
    return float(json.loads(run(*command).strip().splitlines()[-1]))


def python(bench: Bench) -> None:
    options, table = bench.options, bench.table
    ours, peer = options.python, options.peer
    worker = HERE / "worker.py"
    statement = "from composio import Composio"
    (ours_ms, ours_mb), (_, bare_mb) = imports(ours, statement, 15), imports(ours, "pass", 15)
    peer_ms, peer_mb = imports(peer, statement, 3)
    table.at_most(statement, ours_ms, 40, "ms")
    table.at_most("  memory over the interpreter", ours_mb - bare_mb, 12, "MB")
    table.at_least(f"  quicker than the peer, {peer_ms:,.0f} ms and {peer_mb:,.0f} MB", peer_ms / ours_ms, 60, "x")

    with backend(options.mock) as url:
        mine, floor, ratio = bench.beside([ours, worker, "execute", url, 3000], [options.floor, url, "execute", 3000])
        theirs = bench.median(peer, worker, "execute", url, 300)
        table.at_most(f"execute, {mine:,.0f} µs over reqwest alone, {floor:,.0f} µs", ratio, 1.5, "x")
        table.at_least(f"  quicker than the peer, {theirs:,.0f} µs", theirs / mine, 6, "x")
        mine = bench.median(ours, worker, "threads", url, 16000)
        theirs = bench.median(peer, worker, "threads", url, 800)
        table.at_least(f"execute, 8 threads, {mine:,.0f}/s over the peer's {theirs:,.0f}/s", mine / theirs, 20, "x")
        mine = bench.median(ours, worker, "tasks", url, 16000)
        table.at_least(f"execute, 64 tasks, {mine:,.0f}/s over the peer's 8 threads", mine / theirs, 20, "x")
        mine, floor, ratio = bench.beside([ours, worker, "tools", url, 300], [options.floor, url, "tools", 300])
        theirs = bench.median(peer, worker, "tools", url, 30)
        table.at_most(f"tools(), 100 tools, {mine:,.0f} µs over reqwest alone, {floor:,.0f} µs", ratio, 2.5, "x")
        table.at_least(f"  quicker than the peer, {theirs:,.0f} µs", theirs / mine, 15, "x")

    with tempfile.TemporaryDirectory() as data:
        fresh = [number(ours, worker, "embedded_create", f"{data}/{run}") for run in range(9)]
        table.at_most("embedded: create in a fresh process", statistics.median(fresh), 30, "ms")
        search = bench.median(ours, worker, "embedded_search", f"{data}/s", 300) / 1e3
        table.at_most("embedded: search among 1,000 tools, median", search, 1, "ms")
        execute = bench.median(ours, worker, "embedded_execute", f"{data}/e", 3000)
        table.at_most("embedded: execute of time now, median", execute, 100, "µs")

    ranking = run(options.ndcg, ROOT / "tests/search")
    for name, target in {"metatool_single": 58, "sealtools": 90, "stabletoolbench": 70, "toolret_apigen": 80}.items():
        line = next(line for line in ranking.splitlines() if line.startswith(name))
        table.at_least(f"search, nDCG@10, {name}", float(line.split()[2]), target, "")
    table.at_most("wheel", pathlib.Path(options.wheel).stat().st_size / 1e6, 12, "MB")


def node(bench: Bench) -> None:
    options, table = bench.options, bench.table
    peer = pathlib.Path(options.node_peer)

    def worker(what: str, url: str, count: int, library: object) -> list[object]:
        return ["node", HERE / "node/worker.mjs", what, url, count, library]

    with backend(options.mock) as url:
        mine = bench.median(*worker("import", url, 0, "ours"), runs=15)
        theirs = bench.median(*worker("import", url, 0, peer))
        table.at_most("Node: import, over bare Node", mine, 15, "ms")
        table.at_least(f"  quicker than the peer, {theirs:,.0f} ms", theirs / mine, 15, "x")
        mine, floor, ratio = bench.beside(
            worker("execute", url, 3000, "ours"), worker("execute_fetch", url, 3000, "ours")
        )
        theirs = bench.median(*worker("execute", url, 1000, peer))
        table.at_least(f"Node: execute, {mine:,.0f} µs, quicker than the peer, {theirs:,.0f} µs", theirs / mine, 4, "x")
        table.at_most(f"  over fetch alone, {floor:,.0f} µs", ratio, 1, "x")
        mine = bench.median(*worker("parallel", url, 16000, "ours"))
        theirs = bench.median(*worker("parallel", url, 2000, peer))
        table.at_least(
            f"Node: execute, 32 at once, {mine:,.0f}/s over the peer's {theirs:,.0f}/s", mine / theirs, 15, "x"
        )
        mine = bench.median(*worker("tools", url, 300, "ours"))
        theirs = bench.median(*worker("tools", url, 100, peer))
        table.at_least(
            f"Node: tools(), 100 tools, {mine:,.0f} µs over the peer's {theirs:,.0f} µs", theirs / mine, 10, "x"
        )


def beside_reqwest(bench: Bench, language: str, script: pathlib.Path) -> None:
    with backend(bench.options.mock) as url:
        floor = [bench.options.floor, url, "execute", 3000]
        mine, below, ratio = bench.beside([script, "bench", url, 3000], floor, runs=5)
        what = f"{language}: execute, {mine:,.0f} µs over reqwest alone, {below:,.0f} µs"
        bench.table.at_most(what, ratio, 1.6, "x")


def kotlin(bench: Bench) -> None:
    beside_reqwest(bench, "Kotlin", ROOT / "bindings/uniffi/kotlin/build.sh")


def swift(bench: Bench) -> None:
    beside_reqwest(bench, "Swift", ROOT / "bindings/uniffi/swift/swift.sh")


def sizes(bench: Bench) -> None:
    for what, path, limit in [
        ("library for phones, without the router", bench.options.library, 5),
        ("library for phones, with the router", bench.options.library_with_router, 12),
    ]:
        bench.table.at_most(what, pathlib.Path(path).stat().st_size / 1e6, limit, "MB")


def served(bench: Bench) -> None:
    """The server over real connections, beside a bare axum route in the same minutes."""
    options, table = bench.options, bench.table
    with loaded.bare(options.load) as floor, loaded.server(options.server) as (url, _):
        for what, target in {"execute": 1 / 3, "search": 1 / 5, "create": 0.0}.items():
            pairs = [
                (loaded.calls(options.load, url, what, 4), loaded.calls(options.load, floor, "bare", 4))
                for _ in range(3)
            ]
            mine, below = (
                statistics.median(side["per_second"] for side in sides) for sides in zip(*pairs, strict=True)
            )
            p99 = statistics.median(side["p99_ms"] for side, _ in pairs)
            ratio = statistics.median(side["per_second"] / floor["per_second"] for side, floor in pairs)
            row = f"server: {what}, {mine:,.0f}/s, 99 % in {p99:,.1f} ms, bare axum {below:,.0f}/s"
            if target:
                table.at_least(row, ratio, round(target, 3), "x")
            else:
                table.row(row, f"{ratio:,.2f} x", "", True)


def openapi(bench: Bench) -> None:
    """GitHub's document with the schemas of all its operations, each time in a fresh process; a call; the vault."""
    found = [run(bench.options.openapi, bench.options.document) for _ in range(5)]
    times = [re.search(r"with schemas in ([\d.]+)(m?s);", line) for line in found]
    sizes = [re.search(r"([\d]+) MB at most", line) for line in found]
    took = statistics.median(float(time[1]) * (1 if time[2] == "ms" else 1e3) for time in times if time)
    bench.table.at_most("OpenAPI: GitHub's document, all schemas", took, 300, "ms")
    bench.table.at_most("  memory of the process", max(float(size[1]) for size in sizes if size), 60, "MB")
    with backend(bench.options.mock) as url:
        ours, floor = [bench.options.openapi_call, url, 3000], [bench.options.floor, url, "execute", 3000]
        mine, below, ratio = bench.beside(ours, floor, runs=15)
        what = f"OpenAPI: a call of the router, {mine:,.0f} µs over reqwest alone, {below:,.0f} µs"
        bench.table.at_most(what, ratio, 1.4, "x")
        mine, _, ratio = bench.beside([*ours, "signed"], floor)
        bench.table.row(f"  signed by a connected account, {mine:,.0f} µs", f"{ratio:,.2f} x", "", True)
    bench.table.at_most("vault: a credential of 4 KiB is read", bench.median(bench.options.vault), 50, "µs")


PARTS = {
    "python": python,
    "node": node,
    "kotlin": kotlin,
    "swift": swift,
    "sizes": sizes,
    "served": served,
    "openapi": openapi,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    names = ["python", "peer", "mock", "floor", "ndcg", "wheel", "node-peer", "library", "library-with-router"]
    for name in [*names, "server", "load", "openapi", "openapi-call", "document", "vault"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    bench = Bench(options)
    table = bench.table
    table.head()
    for part in options.only:
        PARTS[part](bench)
    print(f"\n{table.missed} missed" if table.missed else "\nall reached")


if __name__ == "__main__":
    main()
