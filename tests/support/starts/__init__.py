"""Worker processes without their start: the commands of a test session fork them from servers that all tests share.

Importing torch, transformers and diffusers takes a worker seconds, most of its tests milliseconds. So a command that a
test runs as `python -m tests.support.starts WORDS` has its workers, and its own fork servers, forked from a process of
the same environment that has imported those packages and computed nothing (`server`). Where anything might differ from
a process that was started it is started: where PYTHONPATH brings code of a test's own, where the worker has several
threads, and on any system but Linux. A test whose own code patches what is imported already, as those of `patch_of` do,
says so (`client.LATE`, `Project.patch_late`): it is run right after the fork.
"""
