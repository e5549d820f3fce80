"""Which objects a filter or a policy selects for the write queue and the read cache."""
