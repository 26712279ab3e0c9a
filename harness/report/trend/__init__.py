"""The page of a history: every case through the nights, as one HTML file that loads nothing."""
