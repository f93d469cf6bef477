"""Signals, forks, threads, cancellation, and the end of the interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from composio import AsyncComposio, Composio
from composio.exceptions import APIConnectionError, ComposioError
from conftest import Mock

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")


class Silent:
    """A server that takes requests and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def take(self) -> socket.socket:
        """The next connection, once its request has begun to come in."""
        connection, _ = self._listener.accept()
        connection.settimeout(20)
        assert connection.recv(1)
        return connection

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


def ended(connection: socket.socket) -> bool:
    """Whether the client closes the connection."""
    while connection.recv(65536):
        pass
    return True


@contextlib.contextmanager
def program(source: str, *arguments: str, stdin: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A program of its own, which is gone afterwards, also where it hangs."""
    command = [sys.executable, "-c", textwrap.dedent(source), *arguments]
    pipe = subprocess.PIPE
    # A job in the background hands on that it ignores Ctrl-C.
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, text=True, preexec_fn=listen) as process:
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_a_blocked_call(silent: Silent) -> None:
    source = """
        import sys
        from composio import Composio
        try:
            Composio(api_key="k", base_url=sys.argv[1]).create("user")
        except KeyboardInterrupt:
            print("interrupted")
    """
    with program(source, silent.url) as process, silent.take() as connection:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "interrupted\n"
        assert ended(connection)


@pytest.mark.parametrize("sender", ["outside", "tool"])
def test_ctrl_c_ends_a_wait_for_a_custom_tool(mock: Mock, sender: str) -> None:
    # A signal that another thread takes ends no wait of the main one, as one that comes just before the wait does not.
    source = """
        import os, signal, sys, threading, time
        from composio import Composio
        from composio.custom_tools import define
        def waiting():
            frame = sys._current_frames()[threading.main_thread().ident]
            while frame is not None and frame.f_code.co_name != "join":
                frame = frame.f_back
            return frame is not None
        def hang(seconds: int) -> None:
            '''Hangs.'''
            os.write(1, b"hanging\\n")
            if seconds == 2 and sys.argv[2] == "tool":
                while not waiting():
                    time.sleep(0)
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            threading.Event().wait()
        session = Composio(api_key="k", base_url=sys.argv[1]).create(
            "user", experimental={"custom_tools": [define(hang)]})
        tools = [{"tool_slug": "HANG", "arguments": {"seconds": seconds}} for seconds in (1, 2)]
        try:
            session.execute_tool_call("COMPOSIO_MULTI_EXECUTE_TOOL", {"tools": tools})
        except KeyboardInterrupt:
            print("interrupted")
    """
    with program(source, mock.url, sender) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        if sender == "outside":
            process.send_signal(signal.SIGINT)
        assert "interrupted" in process.communicate(timeout=20)[0]


def test_a_signal_handler_runs_during_a_call(silent: Silent) -> None:
    source = """
        import signal, sys
        from composio import Composio
        class Done(Exception): pass
        def handle(number, frame):
            print("handled", flush=True)
            raise Done
        signal.signal(signal.SIGTERM, handle)
        try:
            Composio(api_key="k", base_url=sys.argv[1]).create("user")
        except Done:
            print("done")
    """
    with program(source, silent.url) as process, silent.take():
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20)[0] == "handled\ndone\n"


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_the_interpreter_ends_cleanly_with_calls_in_flight(silent: Silent, kind: str) -> None:
    source = """
        import asyncio, sys, threading
        from composio import AsyncComposio, Composio
        kind, url = sys.argv[1:]
        def blocked():
            Composio(api_key="k", base_url=url, timeout=60).create("user")
        async def abandoned():
            composio = AsyncComposio(api_key="k", base_url=url)
            asyncio.ensure_future(composio.create("user"))
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        if kind == "threads":
            for _ in range(4):
                threading.Thread(target=blocked, daemon=True).start()
            sys.stdin.readline()
        else:
            asyncio.run(abandoned())
    """
    with program(source, kind, silent.url, stdin=subprocess.PIPE) as process:
        connections = [silent.take() for _ in range(4 if kind == "threads" else 1)]
        out, err = process.communicate("\n", timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
        for connection in connections:
            connection.close()


@needs_fork
def test_a_forked_child_has_a_runtime_of_its_own(mock: Mock) -> None:
    source = """
        import multiprocessing, os, sys
        from composio import AsyncComposio, Composio
        import asyncio
        composio = Composio(api_key="k", base_url=sys.argv[1])
        session = composio.create("user")
        session.execute("A")
        def work(number):
            result = session.execute("GITHUB_CREATE_ISSUE", {"number": number}).successful
            async def both():
                async with AsyncComposio(api_key="k", base_url=sys.argv[1]) as other:
                    return (await (await other.create("user")).execute("A")).successful
            return result and asyncio.run(both()) and composio.create("user").session_id == session.session_id
        with multiprocessing.get_context("fork").Pool(3) as pool:
            print(all(pool.map(work, range(12))))
        print(session.execute("A").successful)
    """
    with program(source, mock.url) as process:
        out, err = process.communicate(timeout=60)
        assert (out, err) == ("True\nTrue\n", "")


def test_threads_share_a_session(mock: Mock) -> None:
    with Composio(api_key="k", base_url=mock.url) as composio:
        session = composio.create("user")
        results: list[bool] = []

        def work() -> None:
            results.extend(session.execute("A", {"n": n}).successful for n in range(20))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [True] * 160


def test_a_blocked_thread_leaves_the_others_running(silent: Silent, mock: Mock) -> None:
    def blocked() -> None:
        with pytest.raises(APIConnectionError):
            Composio(api_key="k", base_url=silent.url, max_retries=0).create("user")

    thread = threading.Thread(target=blocked)
    thread.start()
    with silent.take():
        assert Composio(api_key="k", base_url=mock.url).create("user").execute("A").successful
    silent.close()
    thread.join(20)
    assert not thread.is_alive()


def test_cancelling_a_task_stops_its_request(silent: Silent) -> None:
    async def main() -> None:
        composio = AsyncComposio(api_key="k", base_url=silent.url)
        task = asyncio.ensure_future(composio.create("user"))
        connection = await asyncio.to_thread(silent.take)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended, connection)
        connection.close()

    asyncio.run(main())


def test_a_time_limit_of_the_loop_stops_the_request(silent: Silent) -> None:
    async def main() -> None:
        composio = AsyncComposio(api_key="k", base_url=silent.url)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(composio.create("user"), 0.2)
        with await asyncio.to_thread(silent.take) as connection:
            assert await asyncio.to_thread(ended, connection)

    asyncio.run(main())


def test_many_tasks_and_several_loops(mock: Mock) -> None:
    async def main() -> int:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user")
            results = await asyncio.gather(*(session.execute("A", {"n": n}) for n in range(200)))
            return sum(result.successful for result in results)

    assert [asyncio.run(main()) for _ in range(3)] == [200] * 3


class Plain(asyncio.SelectorEventLoop):
    """A loop that cannot watch sockets for others, such as Windows' default one."""

    def add_reader(self, *arguments: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


def test_a_loop_that_watches_no_sockets(mock: Mock) -> None:
    async def main() -> bool:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            return (await (await composio.create("user")).execute("A")).successful

    loop = Plain()
    # The base class's own wake-up socket is registered below add_reader.
    assert loop.run_until_complete(main())
    loop.close()


def test_a_closed_client_says_so(mock: Mock) -> None:
    composio = Composio(api_key="k", base_url=mock.url)
    session = composio.create("user")
    composio.close()
    composio.close()
    with pytest.raises(ComposioError, match="closed"):
        session.execute("A")


def test_a_client_that_was_never_used_closes() -> None:
    Composio(api_key="k").close()
