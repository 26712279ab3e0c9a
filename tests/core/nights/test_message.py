from __future__ import annotations

from dataclasses import replace

from tests.notify.samples import MESSAGE


def test_a_message_is_quiet_without_news_whatever_goes_on() -> None:
    assert MESSAGE.goes_on
    assert MESSAGE.failures
    assert not MESSAGE.quiet
    assert replace(MESSAGE, news=()).quiet
