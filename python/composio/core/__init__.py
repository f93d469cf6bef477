"""Where `composio.core.provider` lies; see there."""
