"""Every figure of `make bench` in one run: this package, its peer and the floor, side by side.

bench.py --python OURS --peer PEER --mock MOCK --floor FLOOR --ndcg NDCG --wheel WHEEL
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

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


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("python", "peer", "mock", "floor", "ndcg", "wheel"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    ours, peer, table = options.python, options.peer, Table()

    def worker(python: str, what: str, target: str, count: int, runs: int = 5) -> float:
        values = [float(json.loads(run(python, HERE / "worker.py", what, target, count))) for _ in range(runs)]
        return statistics.median(values)

    def beside(what: str, count: int) -> tuple[float, float, float]:
        """Ours and the floor in turn, so that both see the same machine: both medians, and that of the ratios."""
        mine, floor = [], []
        for _ in range(7):
            mine.append(float(json.loads(run(ours, HERE / "worker.py", what, url, count))))
            floor.append(float(json.loads(run(options.floor, url, what, count))))
        ratios = [above / below for above, below in zip(mine, floor, strict=True)]
        return statistics.median(mine), statistics.median(floor), statistics.median(ratios)

    table.head()
    statement = "from composio import Composio"
    (ours_ms, ours_mb), (_, bare_mb) = imports(ours, statement, 15), imports(ours, "pass", 15)
    peer_ms, peer_mb = imports(peer, statement, 3)
    table.at_most(statement, ours_ms, 40, "ms")
    table.at_most("  memory over the interpreter", ours_mb - bare_mb, 12, "MB")
    table.at_least(f"  quicker than the peer, {peer_ms:,.0f} ms and {peer_mb:,.0f} MB", peer_ms / ours_ms, 60, "x")

    with backend(options.mock) as url:
        mine, floor, ratio = beside("execute", 3000)
        theirs = worker(peer, "execute", url, 300)
        table.at_most(f"execute, {mine:,.0f} µs over reqwest alone, {floor:,.0f} µs", ratio, 1.5, "x")
        table.at_least(f"  quicker than the peer, {theirs:,.0f} µs", theirs / mine, 6, "x")
        mine, theirs = worker(ours, "threads", url, 16000), worker(peer, "threads", url, 800)
        table.at_least(f"execute, 8 threads, {mine:,.0f}/s over the peer's {theirs:,.0f}/s", mine / theirs, 20, "x")
        mine = worker(ours, "tasks", url, 16000)
        table.at_least(f"execute, 64 tasks, {mine:,.0f}/s over the peer's 8 threads", mine / theirs, 20, "x")
        mine, floor, ratio = beside("tools", 300)
        theirs = worker(peer, "tools", url, 30)
        table.at_most(f"tools(), 100 tools, {mine:,.0f} µs over reqwest alone, {floor:,.0f} µs", ratio, 2.5, "x")
        table.at_least(f"  quicker than the peer, {theirs:,.0f} µs", theirs / mine, 15, "x")

    with tempfile.TemporaryDirectory() as data:
        fresh = [worker(ours, "embedded_create", f"{data}/{number}", 0, 1) for number in range(9)]
        table.at_most("embedded: create in a fresh process", statistics.median(fresh), 30, "ms")
        search = worker(ours, "embedded_search", f"{data}/s", 300) / 1e3
        table.at_most("embedded: search among 1,000 tools, median", search, 1, "ms")
        execute = worker(ours, "embedded_execute", f"{data}/e", 3000)
        table.at_most("embedded: execute of time now, median", execute, 100, "µs")

    ranking = run(options.ndcg, ROOT / "tests/search")
    for name, target in {"metatool_single": 58, "sealtools": 90, "stabletoolbench": 70, "toolret_apigen": 80}.items():
        line = next(line for line in ranking.splitlines() if line.startswith(name))
        table.at_least(f"search, nDCG@10, {name}", float(line.split()[2]), target, "")
    table.at_most("wheel", pathlib.Path(options.wheel).stat().st_size / 1e6, 12, "MB")
    print(f"\n{table.missed} missed" if table.missed else "\nall reached")


if __name__ == "__main__":
    main()
