"""What a night does around its verify: its folder, further runs of failing cases, the history, telling somebody."""
