"""The Bitrix24 connector: webhooks say what changed, REST says how it is now, derived ids make all ways one event."""
