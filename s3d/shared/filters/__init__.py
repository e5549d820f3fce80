"""The filter language: parsing, and deciding about an object. Pure."""
