"""Names for the goldens of a test: its node id, as a path that every file system takes."""

from __future__ import annotations

import hashlib
import re

from harness.golden.obsolete import OF_TESTS

_LONGEST = 80
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def golden_id(node: str, name: str) -> str:
    """The id of the golden called `name` of the test with this node id; other ids never give the same path.

    Not even where letter case or trailing dots do not count: a part that is not plain gets a digest of what it was.
    """
    file, *inside = node.split("::")
    parts = [*file.removesuffix(".py").split("/"), *inside, name]
    return "/".join([OF_TESTS, *map(_part, parts)])


def _part(text: str) -> str:
    plain = re.sub(r"[^a-z0-9_.+-]+", "_", text.lower())[:_LONGEST].strip(".")
    if plain == text and not _RESERVED.fullmatch(plain):
        return plain
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}"
