"""How findings are put together."""

from __future__ import annotations

from harness.core.results.doctor import DoctorReport, Finding, Harm
from harness.doctor.examination import gathered


def test_what_says_the_same_is_one_finding() -> None:
    def about(place: str, harm: Harm) -> Finding:
        return Finding(harm, "w", "f", (place,))

    found = gathered(
        [about("a", Harm.WEAK), about("b", Harm.USELESS), about("c", Harm.WEAK), about("a", Harm.WEAK)]
    )
    assert found == (Finding(Harm.USELESS, "w", "f", ("b",)), Finding(Harm.WEAK, "w", "f", ("a", "c")))


def test_only_what_judges_less_passes() -> None:
    weak, differs = Finding(Harm.WEAK, "w", "f"), Finding(Harm.DIFFERS, "w", "f")
    assert DoctorReport((weak,), 1, 1).exit_code() == 0
    assert DoctorReport((weak, differs), 1, 1).exit_code() == 1
    assert DoctorReport((weak, differs), 1, 1).summary() == {Harm.DIFFERS: 1, Harm.WEAK: 1}
