"""Connected accounts and auth configs for asyncio; see `composio.accounts`."""

from __future__ import annotations

from composio._loop import Loop
from composio.models import (
    AuthConfig,
    AuthConfigList,
    CompletedAuth,
    ConnectedAccount,
    ConnectedAccountList,
    ConnectedAccountRefresh,
    ConnectedAccountRevocation,
    Done,
)
from composio.resources import given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from typing import Any, TypeVar

    from typing_extensions import Unpack

    from composio import _native
    from composio.types import AccountChanges

    T = TypeVar("T")

_loop = Loop()


def _wait(call: _native.Call[T]) -> Awaitable[T]:
    return _loop.call(call)


class AsyncConnectionRequest:
    """An account that waits for its user; see `composio.accounts.ConnectionRequest`."""

    def __init__(self, id: str, status: str, redirect_url: str | None, client: _native.Client) -> None:
        self.id = id
        self.status = status
        self.redirect_url = redirect_url
        self._client = client

    async def wait_for_connection(self, timeout: float | None = None) -> ConnectedAccount:
        """Waits until the account is active, by default for 60 seconds."""
        return ConnectedAccount(await _wait(self._client.wait_for_connection(self.id, timeout)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, status={self.status!r})"


class AsyncConnectedAccounts:
    """The project's connected accounts; see `composio.accounts.ConnectedAccounts`."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    def _manage(self, call: str, /, nanoid: str = "", **options: Any) -> Awaitable[Any]:
        return _wait(self._client.manage(f"connected_accounts.{call}", nanoid, options))

    async def get(self, nanoid: str) -> ConnectedAccount:
        """One connected account."""
        return ConnectedAccount(await self._manage("get", nanoid))

    async def list(self, **query: Any) -> ConnectedAccountList:
        """A page of connected accounts; `query` has the API's parameters, such as `user_ids`, `statuses`, `limit`."""
        return ConnectedAccountList(await self._manage("list", **given(**query)))

    async def link(
        self,
        user_id: str,
        auth_config_id: str,
        *,
        callback_url: str | None = None,
        alias: str | None = None,
        allow_multiple: bool = False,
        experimental: Mapping[str, Any] | None = None,
    ) -> AsyncConnectionRequest:
        """Starts connecting an account of a user, without a session; `session.authorize` does so within one."""
        options = given(callback_url=callback_url, alias=alias, experimental=experimental)
        options.update(user_id=user_id, auth_config_id=auth_config_id, allow_multiple=allow_multiple)
        return AsyncConnectionRequest(**await self._manage("link", **options), client=self._client)

    async def initiate(
        self,
        user_id: str,
        auth_config_id: str,
        *,
        callback_url: str | None = None,
        allow_multiple: bool = False,
        config: Mapping[str, Any] | None = None,
        alias: str | None = None,
    ) -> AsyncConnectionRequest:
        """Makes an account of a user, active at once where `config` has its credential, else as `link` does."""
        options = given(callback_url=callback_url, alias=alias, config=config)
        options.update(user_id=user_id, auth_config_id=auth_config_id, allow_multiple=allow_multiple)
        return AsyncConnectionRequest(**await self._manage("initiate", **options), client=self._client)

    async def complete_auth(self, *, user_id: str, session_uri: str) -> CompletedAuth:
        """Finishes a connection with the URL to which the provider sent the browser, for an app that receives it."""
        return CompletedAuth(await self._manage("complete_auth", user_id=user_id, session_uri=session_uri))

    async def update(self, nanoid: str, **changes: Unpack[AccountChanges]) -> Done:
        """Changes an account's `alias`, which None takes away, or its `connection`. What is left out stays."""
        return Done(await self._manage("update", nanoid, **changes))

    async def enable(self, nanoid: str) -> Done:
        """Switches an account on."""
        return Done(await self._manage("enable", nanoid))

    async def disable(self, nanoid: str) -> Done:
        """Switches an account off; calls no longer use it."""
        return Done(await self._manage("disable", nanoid))

    async def update_status(self, nanoid: str, *, enabled: bool) -> Done:
        """Switches an account on or off."""
        return await (self.enable(nanoid) if enabled else self.disable(nanoid))

    async def delete(self, nanoid: str, *, revoke_on_delete: bool | None = None) -> Done:
        """Deletes an account, with `revoke_on_delete` after its tokens were revoked at the provider."""
        return Done(await self._manage("delete", nanoid, **given(revoke_on_delete=revoke_on_delete)))

    async def refresh(self, nanoid: str, **params: Any) -> ConnectedAccountRefresh:
        """Renews an account's credential now."""
        return ConnectedAccountRefresh(await self._manage("refresh", nanoid, **params))

    async def revoke(self, nanoid: str) -> ConnectedAccountRevocation:
        """Revokes an account's tokens at the provider, and forgets them."""
        return ConnectedAccountRevocation(await self._manage("revoke", nanoid))

    async def wait_for_connection(self, id: str, timeout: float | None = None) -> ConnectedAccount:
        """Waits until an account is active."""
        return ConnectedAccount(await _wait(self._client.wait_for_connection(id, timeout)))


class AsyncAuthConfigs:
    """How the accounts of toolkits are made; see `composio.accounts.AuthConfigs`."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    def _manage(self, call: str, /, nanoid: str = "", **options: Any) -> Awaitable[Any]:
        return _wait(self._client.manage(f"auth_configs.{call}", nanoid, options))

    async def list(self, **query: Any) -> AuthConfigList:
        """A page of auth configs; `query` has the API's parameters, such as `toolkit_slug`, `limit`."""
        return AuthConfigList(await self._manage("list", **given(**query)))

    async def get(self, nanoid: str) -> AuthConfig:
        """One auth config."""
        return AuthConfig(await self._manage("get", nanoid))

    async def create(self, toolkit: str, options: Mapping[str, Any]) -> AuthConfig:
        """Makes an auth config of a toolkit; `options` is as the API has it."""
        return AuthConfig(await self._manage("create", toolkit, **options))

    async def update(self, nanoid: str, *, options: Mapping[str, Any]) -> Done:
        """Changes an auth config; `options` is as the API has it."""
        return Done(await self._manage("update", nanoid, **options))

    async def delete(self, nanoid: str) -> Done:
        """Deletes an auth config."""
        return Done(await self._manage("delete", nanoid))

    async def enable(self, nanoid: str) -> Done:
        """Switches an auth config on."""
        return Done(await self._manage("enable", nanoid))

    async def disable(self, nanoid: str) -> Done:
        """Switches an auth config off."""
        return Done(await self._manage("disable", nanoid))
