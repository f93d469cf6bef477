"""Tools for Anthropic's Messages API. The SDK is not imported; replies may be its objects or dicts.

>>> from composio.models import Tool
>>> AnthropicProvider().wrap_tools([Tool({"slug": "HI", "description": "Greets."})])[0]["name"]
'HI'
"""

from __future__ import annotations

from composio.provider import FormatProvider

__all__ = ("AnthropicProvider",)


class AnthropicProvider(FormatProvider, name="anthropic"):
    """Messages: `tools=session.tools()`, then `messages += session.handle_tool_calls(message)`."""
