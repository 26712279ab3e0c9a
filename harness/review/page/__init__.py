"""Puts together what the page of a report shows, from the report and the files of its runs."""
