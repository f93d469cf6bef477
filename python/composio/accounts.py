"""Connected accounts and auth configs, outside of a session."""

from __future__ import annotations

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
    from collections.abc import Mapping
    from typing import Any

    from typing_extensions import Unpack

    from composio import _native
    from composio.types import AccountChanges


class ConnectionRequest:
    """An account that waits for its user to connect it at `redirect_url`.

    Attributes:
        id: The connected account's id.
        status: `INITIATED`.
        redirect_url: Where the user goes.
    """

    def __init__(self, id: str, status: str, redirect_url: str | None, client: _native.Client) -> None:
        self.id = id
        self.status = status
        self.redirect_url = redirect_url
        self._client = client

    def wait_for_connection(self, timeout: float | None = None) -> ConnectedAccount:
        """Waits until the account is active, by default for 60 seconds.

        Raises:
            ConnectedAccountError: The account ended as failed, expired, inactive or revoked.
            ComposioSDKTimeoutError: The time is over; the message names the account.
        """
        return ConnectedAccount(self._client.wait_for_connection(self.id, timeout).wait())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, status={self.status!r})"


class ConnectedAccounts:
    """The project's connected accounts."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    def _manage(self, call: str, /, nanoid: str = "", **options: Any) -> Any:
        return self._client.manage(f"connected_accounts.{call}", nanoid, options).wait()

    def get(self, nanoid: str) -> ConnectedAccount:
        """One connected account."""
        return ConnectedAccount(self._manage("get", nanoid))

    def list(self, **query: Any) -> ConnectedAccountList:
        """A page of connected accounts; `query` has the API's parameters, such as `user_ids`, `statuses`, `limit`."""
        return ConnectedAccountList(self._manage("list", **given(**query)))

    def link(
        self,
        user_id: str,
        auth_config_id: str,
        *,
        callback_url: str | None = None,
        alias: str | None = None,
        allow_multiple: bool = False,
        experimental: Mapping[str, Any] | None = None,
    ) -> ConnectionRequest:
        """Starts connecting an account of a user, without a session; `session.authorize` does so within one.

        Raises:
            ComposioMultipleConnectedAccountsError: The user has an active account of the auth config, and
                `allow_multiple` is not set.

        >>> from composio import Composio
        >>> with Composio(config={"router": {"database": ":memory:"}}) as composio:
        ...     composio.connected_accounts.link("user_123", "ac_none")
        Traceback (most recent call last):
        composio.exceptions.NotFoundError: ...
        """
        options = given(callback_url=callback_url, alias=alias, experimental=experimental)
        options.update(user_id=user_id, auth_config_id=auth_config_id, allow_multiple=allow_multiple)
        return ConnectionRequest(**self._manage("link", **options), client=self._client)

    def initiate(
        self,
        user_id: str,
        auth_config_id: str,
        *,
        callback_url: str | None = None,
        allow_multiple: bool = False,
        config: Mapping[str, Any] | None = None,
        alias: str | None = None,
    ) -> ConnectionRequest:
        """Makes an account of a user, active at once where `config` has its credential, else as `link` does.

        Args:
            config: `auth_scheme` and `val`, such as `{"auth_scheme": "API_KEY", "val": {"api_key": key}}`.

        Raises:
            ComposioMultipleConnectedAccountsError: As `link`.
            ValidationError: The credential is of another scheme than the toolkit's.
        """
        options = given(callback_url=callback_url, alias=alias, config=config)
        options.update(user_id=user_id, auth_config_id=auth_config_id, allow_multiple=allow_multiple)
        return ConnectionRequest(**self._manage("initiate", **options), client=self._client)

    def complete_auth(self, *, user_id: str, session_uri: str) -> CompletedAuth:
        """Finishes a connection with the URL to which the provider sent the browser, for an app that receives it."""
        return CompletedAuth(self._manage("complete_auth", user_id=user_id, session_uri=session_uri))

    def update(self, nanoid: str, **changes: Unpack[AccountChanges]) -> Done:
        """Changes an account's `alias`, which None takes away, or its `connection`. What is left out stays.

        Raises:
            ValidationError: Nothing is to be changed, or another account of the user has the alias.
        """
        return Done(self._manage("update", nanoid, **changes))

    def enable(self, nanoid: str) -> Done:
        """Switches an account on."""
        return Done(self._manage("enable", nanoid))

    def disable(self, nanoid: str) -> Done:
        """Switches an account off; calls no longer use it."""
        return Done(self._manage("disable", nanoid))

    def update_status(self, nanoid: str, *, enabled: bool) -> Done:
        """Switches an account on or off."""
        return self.enable(nanoid) if enabled else self.disable(nanoid)

    def delete(self, nanoid: str, *, revoke_on_delete: bool | None = None) -> Done:
        """Deletes an account, with `revoke_on_delete` after its tokens were revoked at the provider."""
        return Done(self._manage("delete", nanoid, **given(revoke_on_delete=revoke_on_delete)))

    def refresh(self, nanoid: str, **params: Any) -> ConnectedAccountRefresh:
        """Renews an account's credential now.

        Where only its user can, the answer's `redirect_url` is where they go, and the account keeps its id.

        Args:
            params: `redirect_url`, where their browser goes afterwards.
        """
        return ConnectedAccountRefresh(self._manage("refresh", nanoid, **params))

    def revoke(self, nanoid: str) -> ConnectedAccountRevocation:
        """Revokes an account's tokens at the provider, and forgets them."""
        return ConnectedAccountRevocation(self._manage("revoke", nanoid))

    def wait_for_connection(self, id: str, timeout: float | None = None) -> ConnectedAccount:
        """Waits until an account is active; see `ConnectionRequest.wait_for_connection`."""
        return ConnectedAccount(self._client.wait_for_connection(id, timeout).wait())


class AuthConfigs:
    """How the accounts of toolkits are made. The embedded router makes them of what the toolkits say."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    def _manage(self, call: str, /, nanoid: str = "", **options: Any) -> Any:
        return self._client.manage(f"auth_configs.{call}", nanoid, options).wait()

    def list(self, **query: Any) -> AuthConfigList:
        """A page of auth configs; `query` has the API's parameters, such as `toolkit_slug`, `limit`."""
        return AuthConfigList(self._manage("list", **given(**query)))

    def get(self, nanoid: str) -> AuthConfig:
        """One auth config."""
        return AuthConfig(self._manage("get", nanoid))

    def create(self, toolkit: str, options: Mapping[str, Any]) -> AuthConfig:
        """Makes an auth config of a toolkit; `options` is as the API has it.

        Raises:
            UsageError: The embedded router makes its own; `composio.toml` says what they need beside.
        """
        return AuthConfig(self._manage("create", toolkit, **options))

    def update(self, nanoid: str, *, options: Mapping[str, Any]) -> Done:
        """Changes an auth config; `options` is as the API has it."""
        return Done(self._manage("update", nanoid, **options))

    def delete(self, nanoid: str) -> Done:
        """Deletes an auth config."""
        return Done(self._manage("delete", nanoid))

    def enable(self, nanoid: str) -> Done:
        """Switches an auth config on."""
        return Done(self._manage("enable", nanoid))

    def disable(self, nanoid: str) -> Done:
        """Switches an auth config off."""
        return Done(self._manage("disable", nanoid))
