"""The vendor's unchanged Python SDK against `composio serve`, with only its base URL and key set.

python tests/server/vendor.py path/to/composio

One thing it does not do here: the SDK refuses to put or get files at an address of this machine, whoever gave it, so
that the URLs it was given are used without it.
"""

import contextlib
import os
import sys

import requests
from composio import Composio, exceptions
from composio_client import APIStatusError
from pydantic import BaseModel, Field
from serving import KEYED, serving


class Order(BaseModel):
    order_id: int = Field(description="The order's number.")


def check_options(composio: Composio) -> None:
    """Every option of `create`, as the configuration that comes back."""
    everything = composio.create(
        user_id="ada",
        toolkits=["time", "files", "sqlite"],
        tools={"files": {"disable": ["FILES_DELETE"]}, "sqlite": ["SQLITE_QUERY"], "time": {"tags": ["readOnlyHint"]}},
        tags={"disable": ["openWorldHint"]},
        manage_connections={"enable": False, "callback_url": "https://app.example/done"},
        auth_configs={"time": "ac_1"},
        connected_accounts={"time": ["ca_1"]},
        sandbox={"enable": False},
        multi_account={"enable": True, "max_accounts_per_toolkit": 3},
        proxy_execute=False,
        preload={"tools": ["TIME_NOW"]},
        instant=False,
        experimental={"assistive_prompt": {"user_timezone": "Europe/Berlin"}},
    )
    config = everything.config
    assert config.user_id == "ada"
    assert config.toolkits.enabled == ["time", "files", "sqlite"], config
    assert config.tools["files"].disabled == ["FILES_DELETE"], config
    assert config.tools["sqlite"].enabled == ["SQLITE_QUERY"], config
    assert config.tags.disabled == ["openWorldHint"], config
    assert config.multi_account.max_accounts_per_toolkit == 3, config
    assert everything.experimental.assistive_prompt, everything.experimental
    listed = {tool["function"]["name"] for tool in everything.tools()}
    assert "TIME_NOW" in listed and "COMPOSIO_SEARCH_TOOLS" in listed, listed
    assert {toolkit.slug for toolkit in everything.toolkits().items} == {"time", "files", "sqlite"}
    direct = composio.create(user_id="ada", toolkits=["time"], session_preset="direct_tools")
    listed = {tool["function"]["name"] for tool in direct.tools()}
    assert "TIME_NOW" in listed and "COMPOSIO_SEARCH_TOOLS" not in listed, listed
    denied = composio.create(user_id="ada", toolkits={"disable": ["http"]}, proxy_execute=True)
    assert "http" not in {toolkit.slug for toolkit in denied.toolkits().items}


def check_calls(composio: Composio) -> None:
    """Search, execute, multi execute, the model's own calls, and what goes wrong."""
    session = composio.create(user_id="ada")
    found = session.search(query="what time is it in Tokyo")
    assert "TIME_NOW" in found.results[0].primary_tool_slugs, found
    done = session.execute("TIME_NOW", arguments={"timezone": "Asia/Tokyo"})
    assert done.error is None and done.data["timezone"] == "Asia/Tokyo", done
    assert done.log_id, done
    failed = session.execute("TIME_NOW", arguments={"timezone": "Mars"})
    assert failed.error, failed
    items = [
        {"tool_slug": "FILES_WRITE", "arguments": {"path": "a.txt", "content": "one"}},
        {"tool_slug": "TIME_NOW", "arguments": {}},
    ]
    both = session.execute_meta("COMPOSIO_MULTI_EXECUTE_TOOL", arguments={"tools": items})
    assert [item["response"]["successful"] for item in both.data["results"]] == [True, True], both
    assert session.toolkits(toolkits=["time"]).items[0].is_no_auth
    assert composio.use(session.session_id).session_id == session.session_id
    refused(404, lambda: composio.use("trs_0000"))
    refused(404, lambda: session.execute("TIME_NOPE", arguments={}))
    refused(400, lambda: composio.create(user_id="ada", toolkits=["no_such_toolkit"]))


def check_custom_tools(composio: Composio) -> None:
    """The caller's own functions, alone and within one multi execute with the server's tools."""

    @composio.experimental.tool()
    def order_status(input: Order, ctx) -> dict:
        """Says where an order of the shop is."""
        return {"order_id": input.order_id, "user": ctx.user_id}

    session = composio.create(user_id="bob", experimental={"custom_tools": [order_status]})
    done = session.execute("ORDER_STATUS", arguments={"order_id": 7})
    assert done.data == {"order_id": 7, "user": "bob"}, done
    assert [tool.slug for tool in session.custom_tools()] == ["LOCAL_ORDER_STATUS"]
    found = session.search(query="where is an order of the shop")
    assert "LOCAL_ORDER_STATUS" in found.results[0].primary_tool_slugs, found
    used = composio.use(session.session_id, custom_tools=[order_status])
    assert used.execute("ORDER_STATUS", arguments={"order_id": 8}).data["order_id"] == 8


def check_changes(composio: Composio) -> None:
    """Update, conditional update, history and the end."""
    session = composio.create(user_id="ada")
    assert session.config_version == 1
    session.update(toolkits=["time"], search={"enable": False})
    assert session.config_version == 2 and session.config.toolkits.enabled == ["time"]
    versions = [version.version for version in session.list_config_history().items]
    assert versions == [2, 1], versions
    try:
        session.update(toolkits=["files"], expected_config_version=1)
    except Exception as error:
        assert "version" in str(error), error
    else:
        raise AssertionError("the stale update went through")
    assert session.delete()["deleted"]
    refused(404, lambda: composio.use(session.session_id))


def check_files(composio: Composio) -> None:
    """The mount's calls by the SDK; the transfers themselves without it, see above."""
    session = composio.create(user_id="carol")
    files = session.experimental.files
    with contextlib.suppress(exceptions.BlockedInternalUrlError):
        files.upload(b"hello", remote_path="notes/a.txt")
    calls = composio.client.tool_router.session.files
    up = calls.create_upload_url("files", session_id=session.session_id, mount_relative_path="notes/a.txt")
    assert requests.put(up.upload_url, data=b"hello", timeout=10).status_code == 200
    assert requests.put(up.upload_url, data=b"again", timeout=10).status_code == 403
    assert [item.mount_relative_path for item in files.list().items] == ["notes/a.txt"]
    assert session.execute("FILES_READ", arguments={"path": "notes/a.txt"}).data["content"] == "hello"
    down = files.download("notes/a.txt")
    assert requests.get(down.download_url, timeout=10).content == b"hello"
    assert files.delete("notes/a.txt").mount_relative_path == "notes/a.txt"
    assert not files.list().items


def check_catalogue(composio: Composio) -> None:
    """Toolkits, tools and accounts outside of sessions."""
    client = composio.client
    assert "time" in {toolkit.slug for toolkit in client.toolkits.list().items}
    assert client.toolkits.retrieve("time").slug == "time"
    assert "TIME_NOW" in {tool.slug for tool in client.tools.list(toolkit_slug="time").items}
    assert client.tools.retrieve("TIME_NOW").slug == "TIME_NOW"
    refused(501, lambda: client.triggers_types.list())


def check_accounts(composio: Composio) -> None:
    """Accounts outside of sessions, from their auth config to their end."""
    accounts = composio.connected_accounts
    assert accounts.list(user_ids=["ada"]).items == []
    (config,) = composio.auth_configs.list(toolkit_slug="keyed").items
    assert composio.auth_configs.get(config.id).auth_scheme == "API_KEY"
    key = {"auth_scheme": "API_KEY", "val": {"api_key": "key-of-ada"}}
    made = accounts.initiate("ada", config.id, config=key, alias="work")
    account = accounts.wait_for_connection(made.id, timeout=10)
    assert (account.status, account.alias) == ("ACTIVE", "work"), account
    try:
        accounts.link("ada", config.id)
    except exceptions.ComposioMultipleConnectedAccountsError:
        pass
    else:
        raise AssertionError("a second account was linked")
    waiting = accounts.link("ada", config.id, allow_multiple=True)
    assert waiting.redirect_url
    assert "Connect" in requests.get(waiting.redirect_url, timeout=10).text
    assert {item.id for item in accounts.list(user_ids=["ada"]).items} == {made.id, waiting.id}
    session = composio.create(user_id="ada", toolkits=["keyed"])
    assert session.toolkits().items[0].connection.connected_account.id == made.id
    accounts.update(made.id, alias="home")
    accounts.disable(made.id)
    assert accounts.get(made.id).status == "INACTIVE"
    accounts.enable(made.id)
    assert (accounts.get(made.id).status, accounts.get(made.id).alias) == ("ACTIVE", "home")
    assert accounts.revoke(made.id).connected_account.status == "REVOKED"
    again = accounts.refresh(made.id)
    assert (again.id, again.status) == (made.id, "INITIATED"), again
    accounts.delete(made.id)
    refused(404, lambda: accounts.get(made.id))
    accounts.delete(waiting.id)


def refused(status: int, call) -> None:
    """Checks that a call is refused with a status, however the SDK wraps that."""
    try:
        call()
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, APIStatusError):
            cause = cause.__cause__ or cause.__context__
        assert isinstance(cause, APIStatusError), repr(error)
        assert cause.status_code == status, (cause.status_code, cause)
    else:
        raise AssertionError(f"the call went through; it was to be refused with {status}")


def main() -> None:
    """Runs every check against a server of its own."""
    for name in [name for name in os.environ if name.startswith("COMPOSIO_")]:
        del os.environ[name]
    with serving(sys.argv[1], KEYED) as (url, key):
        composio = Composio(base_url=url, api_key=key, allow_tracking=False)
        checks = [
            check_options,
            check_calls,
            check_custom_tools,
            check_changes,
            check_files,
            check_catalogue,
            check_accounts,
        ]
        for check in checks:
            check(composio)
            print(f"{check.__name__.removeprefix('check_')}: ok")
        stranger = Composio(base_url=url, api_key="ck_0000_0000", allow_tracking=False)
        refused(401, lambda: stranger.create(user_id="ada"))
    print("The vendor's SDK works against the server.")


if __name__ == "__main__":
    main()
