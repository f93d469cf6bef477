"""Many calls and sessions: nothing is left over. Linux only, where /proc tells."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from composio import AsyncComposio, Composio
from conftest import Mock

PROC = Path("/proc/self")
SESSIONS = 10_000
# Bytes that memory may grow by while 10,000 sessions come and go.
GROWTH = 8 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc on this system")


def held() -> tuple[int, int, int]:
    """Open files, threads, and bytes of memory."""
    gc.collect()
    resident = int((PROC / "statm").read_text().split()[1]) * resource.getpagesize()
    return sum(1 for _ in (PROC / "fd").iterdir()), sum(1 for _ in (PROC / "task").iterdir()), resident


def nothing_left(before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    assert after[0] <= before[0] + 8
    assert after[1] <= before[1] + 4
    assert after[2] - before[2] < GROWTH


def test_a_thousand_tasks_half_of_them_cancelled(mock: Mock) -> None:
    async def main() -> None:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            session, stuck = await asyncio.gather(composio.create(user_id="u"), composio.use("trs_stuck"))
            cancelled = [asyncio.create_task(stuck.execute("NEVER_ENDS")) for _ in range(500)]
            answered = [asyncio.create_task(session.execute("GITHUB_CREATE_ISSUE")) for _ in range(500)]
            await asyncio.sleep(0)
            for task in cancelled:
                task.cancel()
            outcomes = await asyncio.gather(*cancelled, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert all(result.error is None for result in await asyncio.gather(*answered))
            assert (await session.execute("GITHUB_CREATE_ISSUE")).error is None

    asyncio.run(main())


def test_ten_thousand_sessions_leave_nothing_behind(mock: Mock) -> None:
    with Composio(api_key="k", base_url=mock.url) as composio, ThreadPoolExecutor(4) as pool:

        def make(count: int) -> None:
            for session in pool.map(lambda _: composio.create(user_id="u"), range(count)):
                assert session.session_id

        make(SESSIONS // 5)
        before = held()
        make(SESSIONS)
        nothing_left(before, held())


def test_ten_thousand_sessions_of_asyncio_leave_nothing_behind(mock: Mock) -> None:
    async def main() -> None:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:

            async def make(count: int) -> None:
                for _ in range(count // 50):
                    await asyncio.gather(*(composio.create(user_id="u") for _ in range(50)))

            await make(SESSIONS // 5)
            before = held()
            await make(SESSIONS)
            nothing_left(before, held())

    asyncio.run(main())
