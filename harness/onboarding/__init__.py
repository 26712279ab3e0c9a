"""The first files of a project: a config that works, what git should know, a CI workflow."""
