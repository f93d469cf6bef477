"""Tools for Google's Gemini API. The SDK is not imported; replies may be its objects or dicts.

>>> from composio.models import Tool
>>> GoogleProvider().wrap_tools([Tool({"slug": "HI", "description": "Greets."})])[0]["name"]
'HI'
"""

from __future__ import annotations

from composio.provider import FormatProvider

__all__ = ("GoogleProvider",)


class GoogleProvider(FormatProvider, name="google"):
    """Gemini: `tools=[{"function_declarations": session.tools()}]` in the config, then
    `contents += session.handle_tool_calls(reply)`.
    """
