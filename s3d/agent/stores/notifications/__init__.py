"""Delivers the event notifications of the embedded store to webhooks and queues."""
