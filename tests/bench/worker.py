"""One measurement in one process. The same program runs on this package and on the peer: the API is the same.

worker.py WHAT BASE_URL [COUNT]     prints one number, or a JSON object
"""

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

ARGUMENTS = {"title": "It is broken", "labels": ["bug"]}


def session(base_url: str) -> Any:
    from composio import Composio

    return Composio(api_key="k", base_url=base_url).create(user_id="bench")


def median_us(call: Callable[[], Any], count: int) -> float:
    for _ in range(max(count // 10, 3)):
        call()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def execute(base_url: str, count: int) -> float:
    """Microseconds a call, one after another."""
    bound = session(base_url)
    return median_us(lambda: bound.execute("GITHUB_CREATE_ISSUE", arguments=ARGUMENTS), count)


def tools(base_url: str, count: int) -> float:
    """Microseconds a call of tools() with 100 tools."""
    bound = session(base_url)
    assert len(bound.tools()) == 100
    return median_us(bound.tools, count)


def threads(base_url: str, count: int) -> float:
    """Calls a second from 8 threads."""
    bound = session(base_url)

    def work(calls: int) -> None:
        for _ in range(calls):
            bound.execute("GITHUB_CREATE_ISSUE", arguments=ARGUMENTS)

    work(5)
    workers = [threading.Thread(target=work, args=(count // 8,)) for _ in range(8)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return count / (time.perf_counter() - start)


def tasks(base_url: str, count: int) -> float:
    """Calls a second from 64 asyncio tasks."""
    import asyncio

    from composio import AsyncComposio

    async def main() -> float:
        async with AsyncComposio(api_key="k", base_url=base_url) as composio:
            bound = await composio.create(user_id="bench")

            async def work(calls: int) -> None:
                for _ in range(calls):
                    await bound.execute("GITHUB_CREATE_ISSUE", arguments=ARGUMENTS)

            await asyncio.gather(*(work(2) for _ in range(64)))
            start = time.perf_counter()
            await asyncio.gather(*(work(count // 64) for _ in range(64)))
            return count / (time.perf_counter() - start)

    return asyncio.run(main())


def embedded_create(data: str, _: int) -> float:
    """Milliseconds from the client to a session on the built-ins, the first in this process."""
    from composio import Composio

    start = time.perf_counter()
    Composio(backend="embedded", config={"router": {"data_dir": data}}).create(user_id="bench")
    return (time.perf_counter() - start) * 1e3


def embedded_execute(data: str, count: int) -> float:
    """Microseconds a call of the time toolkit's now."""
    from composio import Composio

    bound = Composio(backend="embedded", config={"router": {"data_dir": data}}).create(user_id="bench")
    assert bound.execute("TIME_NOW").result_type == "completed"
    return median_us(lambda: bound.execute("TIME_NOW"), count)


def embedded_search(data: str, count: int) -> float:
    """Microseconds a search among 1,000 tools of an MCP server."""
    import pathlib

    from composio import Composio

    server = pathlib.Path(__file__).with_name("thousand_tools.py")
    mcp = [{"slug": "many", "command": sys.executable, "args": [str(server)]}]
    config = {"router": {"data_dir": data}, "mcp": mcp}
    with Composio(backend="embedded", config=config) as composio:
        bound = composio.create(user_id="bench", toolkits=["many"])
        queries = iter([f"find the open orders of customer {number}" for number in range(count * 2)])
        assert bound.search(query="find an order").results[0].primary_tool_slugs
        return median_us(lambda: bound.search(query=next(queries)), count)


def main() -> None:
    name, target = sys.argv[1], sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    print(json.dumps(globals()[name](target, count)))


if __name__ == "__main__":
    main()
