"""This project's own Python package against `composio serve`, sync and async.

python tests/server/own.py path/to/composio
"""

import asyncio
import os
import sys

from composio import AsyncComposio, Composio, exceptions
from serving import KEYED, serving


def check_sync(url: str, key: str) -> None:
    """Everything that one session does."""
    composio = Composio(base_url=url, api_key=key)

    @composio.experimental.tool()
    def order_status(order_id: int) -> dict:
        """Says where an order of the shop is."""
        return {"order_id": order_id}

    session = composio.create(user_id="ada", toolkits=["time", "files"], experimental={"custom_tools": [order_status]})
    assert "TIME_NOW" in session.search(query="what time is it in Tokyo").results[0].primary_tool_slugs
    assert session.execute("TIME_NOW", arguments={"timezone": "Asia/Tokyo"}).data["timezone"] == "Asia/Tokyo"
    assert session.execute("ORDER_STATUS", arguments={"order_id": 7}).data == {"order_id": 7}
    assert [toolkit.slug for toolkit in session.toolkits().items] == ["files", "time"]
    files = session.experimental.files
    files.upload(b"hello", remote_path="notes/a.txt")
    assert files.download("notes/a.txt").text() == "hello"
    files.delete("notes/a.txt")
    assert not files.list().items
    session.update(toolkits=["time"])
    assert session.config_version == 2
    assert composio.use(session.session_id).session_id == session.session_id
    session.delete()
    try:
        composio.use(session.session_id)
    except exceptions.NotFoundError as error:
        assert error.request_id, error
    else:
        raise AssertionError("a deleted session is there")


def check_accounts(url: str, key: str) -> None:
    """Accounts outside of sessions."""
    composio = Composio(base_url=url, api_key=key)
    accounts = composio.connected_accounts
    (config,) = composio.auth_configs.list(toolkit_slug="keyed").items
    secret = {"auth_scheme": "API_KEY", "val": {"api_key": "key-of-ada"}}
    made = accounts.initiate("ada", config.id, config=secret)
    assert made.wait_for_connection(timeout=10).status == "ACTIVE"
    try:
        accounts.link("ada", config.id)
    except exceptions.ComposioMultipleConnectedAccountsError as error:
        assert made.id in str(error), error
    else:
        raise AssertionError("a second account was linked")
    accounts.update(made.id, alias="work")
    accounts.update_status(made.id, enabled=False)
    assert (accounts.get(made.id).status, accounts.get(made.id).alias) == ("INACTIVE", "work")
    accounts.enable(made.id)
    assert accounts.revoke(made.id).connected_account.status == "REVOKED"
    again = accounts.refresh(made.id)
    assert (again.id, again.status) == (made.id, "INITIATED") and again.redirect_url
    assert accounts.delete(made.id).success


async def check_async(url: str, key: str) -> None:
    """Many calls at a time."""
    async with AsyncComposio(base_url=url, api_key=key) as composio:
        session = await composio.create(user_id="ada")
        results = await asyncio.gather(*(session.execute("TIME_NOW") for _ in range(40)))
        assert all(result.error is None for result in results)


def main() -> None:
    """Runs the checks against a server of their own."""
    for name in [name for name in os.environ if name.startswith("COMPOSIO_")]:
        del os.environ[name]
    with serving(sys.argv[1], KEYED) as (url, key):
        check_sync(url, key)
        check_accounts(url, key)
        asyncio.run(check_async(url, key))
    print("The project's own package works against the server.")


if __name__ == "__main__":
    main()
