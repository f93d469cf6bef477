"""Tools for OpenAI's chat completions and Responses APIs. Neither SDK is imported; replies may be its objects or dicts.

>>> from composio.models import Tool
>>> OpenAIProvider().wrap_tools([Tool({"slug": "HI", "description": "Greets."})])[0]["function"]["name"]
'HI'
"""

from __future__ import annotations

from composio.provider import FormatProvider

__all__ = ("OpenAIProvider", "OpenAIResponsesProvider")


class OpenAIProvider(FormatProvider, name="openai"):
    """Chat completions: `tools=session.tools()`, then `messages += session.handle_tool_calls(completion)`."""


class OpenAIResponsesProvider(FormatProvider, name="openai_responses"):
    """Responses: `tools=session.tools()`, then `input=session.handle_tool_calls(response)`."""
