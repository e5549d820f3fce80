"""A fleet without a leader: settings from one object, and a heartbeat of each device."""
