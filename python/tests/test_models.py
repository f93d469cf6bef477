"""Results: attributes over the decoded reply."""

from __future__ import annotations

import copy
import pickle

import pytest
from composio.models import Record, SessionExecuteResponse, Tool, ToolkitConnectionsDetails, ToolRouterMCPServerConfig

PAGE = {
    "items": [
        {"slug": "github", "is_no_auth": False, "connection": {"is_active": True, "connected_account": {"id": "ca_1"}}},
        {"slug": "time", "is_no_auth": True},
    ],
    "later": {"than": "this version"},
}


def test_nested_objects_are_models() -> None:
    page = ToolkitConnectionsDetails(PAGE)
    github, time = page.items
    assert github.connection is not None
    assert github.connection.connected_account is not None
    assert github.connection.connected_account.id == "ca_1"
    assert time.connection is None
    assert page.next_cursor is None
    assert page["later"] == {"than": "this version"}
    assert "later" in page
    assert "earlier" not in page
    assert page.to_dict() is PAGE
    with pytest.raises(AttributeError, match="has no field 'itmes'; it has items, later"):
        page.itmes  # type: ignore[attr-defined]  # noqa: B018


def test_models_are_values() -> None:
    tool = Tool({"slug": "A", "toolkit": {"slug": "t"}})
    for again in (copy.copy(tool), copy.deepcopy(tool), pickle.loads(pickle.dumps(tool))):
        assert again == tool
        again.description = "changed"
        assert again != tool
        assert again.to_dict() == {"slug": "A", "toolkit": {"slug": "t"}, "description": "changed"}
    assert tool != Record(tool.to_dict())
    assert repr(tool) == "Tool(slug='A', toolkit=ToolToolkit(slug='t'))"


def test_assigning_a_nested_field_reaches_the_whole() -> None:
    tool = Tool({"slug": "A", "toolkit": {"slug": "t"}})
    tool.toolkit.slug = "other"
    assert tool.to_dict()["toolkit"] == {"slug": "other"}


@pytest.mark.parametrize(
    ("reply", "successful"),
    [
        ({"result_type": "completed", "data": {}, "error": None}, True),
        ({"result_type": "failed", "data": {}, "error": "no"}, False),
        ({"data": {}, "error": "no"}, False),
    ],
)
def test_a_result_says_whether_it_worked(reply: dict[str, object], successful: bool) -> None:
    assert SessionExecuteResponse(reply).successful is successful


def test_credentials_are_not_printed() -> None:
    server = ToolRouterMCPServerConfig({"type": "http", "url": "https://h/mcp", "headers": {"x-api-key": "s3cret"}})
    assert "s3cret" not in repr(server)
    assert server.headers == {"x-api-key": "s3cret"}
