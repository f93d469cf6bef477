"""An API with OAuth, from its OpenAPI document to the end of a user's account.

Run by itself, as tests/story/run.py does, it takes the router's configuration from STORY_CONFIG and says where its user
is to go.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from composio import Composio


def quietly(_: object) -> AbstractContextManager[None]:
    """A step that says nothing."""
    return contextlib.nullcontext()


def story(
    config: dict[str, Any],
    follow: Callable[[str], None],
    step: Callable[[str], AbstractContextManager[None]] = quietly,
    say: Callable[[str], object] = quietly,
) -> None:
    """Connects an account of the toolkit `tracker`, and uses it up. `follow` is given its user's link."""
    with Composio(backend="embedded", config=config) as composio:
        session = composio.create(user_id="ada")
        with step("Call an API that wants to know its user: TRACKER_WHOAMI"):
            refused = session.execute("TRACKER_WHOAMI")
            assert refused.error is not None and "no active connected account" in refused.error, refused
            say(f"{refused.result_type}: {refused.error}")
        with step("Connect an account: session.authorize, and the user signs in at the provider"):
            request = session.authorize("tracker")
            assert request.redirect_url is not None
            follow(request.redirect_url)
            account = request.wait_for_connection(timeout=120)
            say(f"{account.id} is {account.status}")
        with step("Search, call the tool, and call the API itself; no credential is shown"):
            found = session.search(query="whose account is used").results[0].primary_tool_slugs
            assert found[0] == "TRACKER_WHOAMI", found
            body = session.execute("TRACKER_WHOAMI").data["body"]
            assert (body["sub"], body["header"]) == ("ada", "Bearer ***"), body
            say(json.dumps(body))
            raw = session.proxy_execute(toolkit="tracker", endpoint="/_api", method="GET")
            assert (raw.status, raw.data["sub"]) == (200, "ada"), raw
        with step("Renew its token, then revoke it at the provider and delete the account"):
            assert composio.connected_accounts.refresh(account.id).status == "ACTIVE"
            assert session.execute("TRACKER_WHOAMI").data["body"]["sub"] == "ada"
            revoked = composio.connected_accounts.revoke(account.id).revoked_tokens
            say(f"revoked: {', '.join(revoked)}")
            ended = session.execute("TRACKER_WHOAMI").error
            assert ended is not None and "REVOKED" in ended, ended
            composio.connected_accounts.delete(account.id)


if __name__ == "__main__":
    story(json.loads(os.environ["STORY_CONFIG"]), lambda url: print(f"OPEN {url}", flush=True))
    print("DONE")
