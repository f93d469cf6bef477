"""The base classes of providers under the path that providers written for the hosted service's own package import."""

from composio.provider import AgenticProvider, BaseProvider, NonAgenticProvider

__all__ = ("AgenticProvider", "BaseProvider", "NonAgenticProvider")
