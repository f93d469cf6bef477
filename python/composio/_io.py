"""Waiting for native calls, and running custom tools meanwhile.

Session logic is written once, as coroutines over the small interface of `IO`. `Blocking` never suspends, so `drive`
runs such a coroutine to its end on the spot; the asyncio implementation is in `composio._loop`.
"""

from __future__ import annotations

from composio.exceptions import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any, Protocol, TypeAlias, TypeVar

    from composio._native import Call

    T = TypeVar("T")
    Finished: TypeAlias = tuple[int, Any, Exception | None]
    """A custom tool's number in its run, what it returned, and what it raised."""

    class Job(Protocol):
        """A custom tool to run."""

        @property
        def is_async(self) -> bool: ...
        def blocking(self) -> Finished: ...
        async def awaited(self) -> Finished: ...

    class IO(Protocol):
        """How a session waits."""

        async def call(self, call: Call[T]) -> T: ...
        async def together(self, remote: Call[None] | None, jobs: Sequence[Job]) -> list[Finished]: ...


_SLICE = 0.1
"""Seconds after which a thread that waits for another looks for signals."""


class Blocking:
    """Waits on the calling thread."""

    async def call(self, call: Call[T]) -> T:
        """The call's result."""
        return call.wait()

    async def together(self, remote: Call[None] | None, jobs: Sequence[Job]) -> list[Finished]:
        """Runs custom tools in threads of their own while this one does the backend's part."""
        if remote is None and len(jobs) == 1 and not jobs[0].is_async:
            return [jobs[0].blocking()]
        from contextvars import copy_context
        from threading import Thread

        finished: list[Finished] = []

        def work(job: Job) -> None:
            finished.append(job.blocking())

        # Daemons, because Ctrl-C must end the program even while a tool hangs.
        threads = [Thread(target=copy_context().run, args=(work, job), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        if remote is not None:
            remote.wait()
        for thread in threads:
            # In slices, because a signal that comes just before a wait does not end it.
            while thread.is_alive():
                thread.join(_SLICE)
        return finished


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that does not suspend."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise UsageError("a modifier awaits, which a blocking session cannot do", suggested_fix="use AsyncComposio")
