"""Waiting for native calls in an asyncio event loop, without a thread a call.

A loop has one queue. The native side collects results in it and wakes the loop once for all that came in together.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary, ref

from composio._native import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from composio._io import Finished, Job
    from composio._native import Call

    T = TypeVar("T")

_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, Queue] = WeakKeyDictionary()


def _queue(loop: asyncio.AbstractEventLoop) -> Queue:
    queue = _queues.get(loop)
    if queue is None:
        queue = _queues[loop] = _watched(loop) or _called(loop)
    return queue


def _watched(loop: asyncio.AbstractEventLoop) -> Queue | None:
    try:
        queue = Queue()
        loop.add_reader(queue.fileno(), queue.drain)
    except NotImplementedError:
        return None
    return queue


def _called(loop: asyncio.AbstractEventLoop) -> Queue:
    # Weak, because the loop's queue must not keep the loop.
    weak = ref(loop)

    def wake() -> None:
        loop = weak()
        if loop is not None:
            loop.call_soon_threadsafe(queue.drain)

    queue = Queue(wake)
    return queue


class Loop:
    """Waits in the running event loop."""

    async def call(self, call: Call[T]) -> T:
        """The call's result. Cancelling the task stops the request."""
        loop = asyncio.get_running_loop()
        queue = _queue(loop)
        future: asyncio.Future[T] = loop.create_future()
        number = queue.submit(call, future)
        try:
            return await future
        finally:
            queue.cancel(number)

    async def together(self, remote: Call[None] | None, jobs: Sequence[Job]) -> list[Finished]:
        """Runs custom tools and the backend's part at the same time."""
        finished = asyncio.gather(*(job.awaited() for job in jobs))
        if remote is not None:
            await asyncio.gather(self.call(remote), finished)
        return await finished


class Threaded(Loop):
    """Waits in a private event loop for the calls of a blocking session, whose connections no loop may drive."""

    async def call(self, call: Call[T]) -> T:
        """The call's result."""
        return await asyncio.to_thread(call.wait)
