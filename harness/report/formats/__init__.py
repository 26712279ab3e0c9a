"""The report of a verify in the formats of other services, each made from the same data."""
