"""Tool-router sessions for agents: scoped tools, connected accounts and custom tools, hosted or embedded.

    from composio import Composio

    with Composio() as composio:
        session = composio.create(user_id="user_123")
        tools = session.tools()

Importing this package loads nothing else; each name is loaded when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from composio.aio import AsyncComposio
    from composio.client import Composio
    from composio.custom_tools import CustomTool, ExperimentalToolkit, SessionContext
    from composio.exceptions import ComposioDeprecationWarning
    from composio.files import RemoteFile
    from composio.modifiers import after_execute, before_execute, before_file_upload, schema_modifier

__version__ = "0.1.0"

SESSION_PRESET_DIRECT_TOOLS = "direct_tools"
"""As `session_preset` of create: lists every tool directly and leaves the meta tools out."""

__all__ = (
    "SESSION_PRESET_DIRECT_TOOLS",
    "AsyncComposio",
    "Composio",
    "ComposioDeprecationWarning",
    "CustomTool",
    "ExperimentalToolkit",
    "RemoteFile",
    "SessionContext",
    "__version__",
    "after_execute",
    "before_execute",
    "before_file_upload",
    "schema_modifier",
)

if not TYPE_CHECKING:
    _HOMES = {
        "AsyncComposio": "composio.aio",
        "Composio": "composio.client",
        "ComposioDeprecationWarning": "composio.exceptions",
        "CustomTool": "composio.custom_tools",
        "ExperimentalToolkit": "composio.custom_tools",
        "RemoteFile": "composio.files",
        "SessionContext": "composio.custom_tools",
        "after_execute": "composio.modifiers",
        "before_execute": "composio.modifiers",
        "before_file_upload": "composio.modifiers",
        "schema_modifier": "composio.modifiers",
    }

    def __getattr__(name):
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'composio' has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(home), name)
        return value

    def __dir__():
        return [*globals(), *_HOMES]
