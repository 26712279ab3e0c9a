from __future__ import annotations

import pytest

from harness.core.environment import Change
from harness.core.nights.news import Item, Kind, News, Rise
from harness.report.news_words import cases_words, item_words, moved_words, summary_words

DAY = "2026-03-01"
MOVED = (Change("software.packages.diffusers", "0.42.1", "0.43.0"),)


def item(kind: Kind, *, count: int = 1, case: str = "sd/a", **others: object) -> Item:
    given = {"group": "g", "what": "values at unet", **others}
    return Item(tuple(News(kind, case, "cpu-x86_64", DAY, **given) for _ in range(count)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            item(Kind.NEW, count=12, moved=MOVED, fails=True),
            "12 cases failing, new since last night: values at unet; moved: diffusers: 0.42.1 -> 0.43.0",
        ),
        (
            item(Kind.NEW, fails=True),
            "1 case failing, new since last night: values at unet; nothing moved in the environment",
        ),
        (
            item(Kind.KNOWN, moved=MOVED, fails=True),
            "1 case failing, known since 2026-03-01: values at unet; moved then: diffusers: 0.42.1 -> 0.43.0",
        ),
        (item(Kind.KNOWN, what=""), "1 case passing, known since 2026-03-01: alternating digests"),
        (
            item(Kind.REJECTED, moved=MOVED, fails=True),
            "1 case failing, rejected on 2026-03-01: values at unet",
        ),
        (
            item(Kind.NONDETERMINISTIC, fails=True),
            "1 case not deterministic: fresh processes give different outputs (values at unet)",
        ),
        (item(Kind.ALTERNATES), "1 case alternating between two digests; nothing moved in the environment"),
        (
            item(Kind.RECOVERED, moved=MOVED),
            "1 case recovered (values at unet); moved: diffusers: 0.42.1 -> 0.43.0",
        ),
        (item(Kind.RECOVERED, accepted=True), "1 case recovered: a new golden was accepted (values at unet)"),
        (
            item(Kind.CREEPING, rise=Rise("images rel_l2", 7e-5, 1e-6, 1e-4), moved=MOVED),
            "1 case creeping: images rel_l2 7.0e-05, before at most 1.0e-06, limit 1.0e-04; "
            "moved: diffusers: 0.42.1 -> 0.43.0",
        ),
        (
            item(Kind.SLOWER, count=2, rise=Rise("seconds", 2.0, 1.25)),
            "2 cases slower since 2026-03-01: median 2 s, before 1.25 s",
        ),
        (
            item(Kind.HEAVIER, rise=Rise("memory", 3 * 2**30, 2**30)),
            "1 case using more memory since 2026-03-01: median 3072 MiB, before 1024 MiB",
        ),
        (
            item(Kind.MACHINE, case="", moved=(Change("hardware.cpu_model", "Xeon", "EPYC"),)),
            "ran on another machine; moved: hardware.cpu_model: Xeon -> EPYC",
        ),
        (item(Kind.SHIFTED, count=3), "3 cases passing with a new digest"),
    ],
)
def test_every_kind_of_news_has_its_sentence(one: Item, words: str) -> None:
    assert item_words(one) == words


def test_words_of_others_stay_on_one_line_and_are_harmless() -> None:
    told = item_words(item(Kind.NEW, what="raised: first\nsecond \x1b[31mred"))
    assert told.startswith("1 case failing, new since last night: raised: first second red")


def test_a_few_cases_are_named() -> None:
    several = Item(tuple(News(Kind.NEW, f"case-{place}", "cpu", DAY) for place in range(7)))
    assert cases_words(several) == "case-0, case-1, case-2, case-3, case-4 and 2 more"
    assert cases_words(item(Kind.MACHINE, case="")) == ""


def test_a_few_moves_are_named_the_likeliest_first() -> None:
    moved = tuple(
        Change(f"software.packages.{name}", "1", "2") for name in ("attrs", "diffusers", "numpy", "torch")
    )
    assert moved_words(moved) == "diffusers: 1 -> 2, torch: 1 -> 2, attrs: 1 -> 2, 1 more"
    assert moved_words(()) == ""


def test_the_summary_counts_cases() -> None:
    assert summary_words([item(Kind.NEW, count=2), item(Kind.NEW), item(Kind.KNOWN)]) == "3 new, 1 known"
    assert summary_words([]) == "nothing new"
