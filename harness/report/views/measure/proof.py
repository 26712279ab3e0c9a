"""What `harness env --portable` shows: the known-answer test of a machine, and the conclusion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.core.portable.known_answers import Answer, Proof
from harness.report.details import Line
from harness.report.harmless import one_line
from harness.report.paint import Sheet, painted
from harness.report.wording import count_words

_ABSENT = "-"

_BUILDS_LEFT_OUT = ("table",)

_WORDS = {
    True: Text("identical", style="green"),
    False: Text("differs", style="bold red"),
    None: Text("not compared", style="dim"),
}
"""The word for an answer, by whether it matches."""


def proof_sections(proof: Proof, console: Console, *, quiet: bool, everything: bool) -> list[list[Text]]:
    """The operations by kind (with `everything`, one by one), those that differ, a summary, the conclusion."""
    conclusion = painted(_conclusion(proof), console)
    if quiet:
        return [conclusion]
    if not proof.answers:
        return [painted([Line(f"no operation was tested on {one_line(proof.cpu)}")], console), conclusion]
    table = _operations(proof.answers, proof, console) if everything else _kinds(proof, console)
    differing = [] if everything else _operations(proof.differing, proof, console)
    return [table, differing, painted([Line(_summary(proof))], console), conclusion]


def _kinds(proof: Proof, console: Console) -> list[Text]:
    sheet = Sheet(
        ["kind", "operations", "differing", "not compared"],
        right=["operations", "differing", "not compared"],
    )
    for kind in dict.fromkeys(answer.kind for answer in proof.answers):
        found = [answer.matches for answer in proof.answers if answer.kind == kind]
        sheet.add(kind, str(len(found)), str(found.count(False)), str(found.count(None)))
    return sheet.lines(console)


def _operations(answers: Sequence[Answer], proof: Proof, console: Console) -> list[Text]:
    if not answers:
        return []
    golden = ["golden"] if proof.golden else []
    sheet = Sheet(["operation", "computed", "on record", *golden, "verdict"])
    for answer in answers:
        theirs = [answer.golden or _ABSENT] if proof.golden else []
        sides = (answer.computed or _ABSENT, answer.on_record or "not on record", *theirs)
        sheet.add(answer.operation, *sides, _WORDS[answer.matches])
    return sheet.lines(console)


def _summary(proof: Proof) -> str:
    found = [answer.matches for answer in proof.answers]
    counts = [count_words(len(found), "operation"), f"{found.count(False)} differing"]
    counts += [f"{found.count(None)} not compared"] if None in found else []
    built = ", ".join(
        # The C library's version contains its name.
        version if name == "libc" else f"{name} {version}"
        for name, version in proof.builds.items()
        if name not in _BUILDS_LEFT_OUT
    )
    how = "remembered from an earlier start" if proof.remembered else "computed just now"
    return one_line(f"{', '.join(counts)}; {how} on {proof.cpu}; {built}")


def _conclusion(proof: Proof) -> Iterator[Line]:
    if proof.portable:
        yield Line(f"portable: {_promise(proof)}", bold=True)
    else:
        yield Line(f"not portable: {one_line(proof.reason) or 'the reason is unknown'}", bold=True)
    if proof.golden:
        yield Line(f"{one_line(proof.golden)}: {_of_golden(proof)}", bold=True)


def _promise(proof: Proof) -> str:
    if any(answer.on_record for answer in proof.answers):
        return "this machine gives the answers on record for these builds"
    return "nothing is on record for these builds, so each golden's own answers decide"


def _of_golden(proof: Proof) -> str:
    if proof.golden_reason:
        return f"not portable: {one_line(proof.golden_reason)}"
    wrong = [one for one in proof.answers if one.golden and one.computed and one.golden != one.computed]
    if wrong:
        return (
            f"{count_words(len(wrong), 'operation')} gave different bits there, so it judges by limits here"
        )
    shared = sum(one.golden is not None and one.computed is not None for one in proof.answers)
    return f"the same bits in {count_words(shared, 'operation')} that both computed"
