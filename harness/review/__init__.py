"""Decisions about judged cases and what is remembered of them: accepting, drafts, rejections, history, names."""
