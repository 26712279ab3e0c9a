from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.capture import Acceptance, Completed, Lost, Raised, Unavailable
from harness.core.case import Case, Determinism, Expectation, GeneratorKind
from harness.core.environment import Change, Environment
from harness.core.results.verdict import CaseResult, ExactFinding, Verdict
from harness.core.tolerance import Limits, Relation, Rule, Tolerance
from harness.core.trace import TraceLevel
from harness.golden.calibrations import write_calibration
from harness.golden.header import read_document
from harness.golden.sidecar import outputs_digest
from harness.golden.store import GoldenStore
from harness.report.reason_words import reason_words, step_words, warning_words
from tests.golden import builders
from tests.golden.builders import environment, write_capture
from tests.support.calibrations import a_calibration
from tests.support.evidence import judge

ACCEPTANCE = Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "0.1.0")
HERE = environment()
VALUES = np.array([3.0, 4.0], np.float32)


def a_case(case_id: str = "ddim/two", **changes: Any) -> Case:
    """A case that is judged only by its outputs, unless it asks for a trace."""
    return builders.a_case(case_id, **{"trace": TraceLevel.NONE, **changes})


PUBLISHED = Expectation("images", "sum", 7.0, 0.1)


class Bench:
    """A store and a folder for captures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = GoldenStore(folder / "goldens")

    def capture(self, tensors: Mapping[str, Any], **document: Any) -> Path:
        return write_capture(self.folder / "out" / "now.safetensors", tensors, **document)

    def golden(self, tensors: Mapping[str, Any], **document: Any) -> Path:
        path = write_capture(self.folder / "out" / "golden.safetensors", tensors, **document)
        return self.store.accept(path, ACCEPTANCE)

    def judge(
        self,
        tensors: Mapping[str, Any],
        case: Case | None = None,
        env: Environment = HERE,
        relation: Relation | None = None,
        **document: Any,
    ) -> CaseResult:
        case = case or a_case()
        path = self.capture(tensors, case=case, env=env, **document)
        return judge(case, Completed(str(path), env, 1.5), self.store, relation=relation)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_identical(bench: Bench) -> None:
    golden = bench.golden({"images": VALUES})
    result = bench.judge({"images": VALUES})
    assert (result.case, result.verdict, reason_words(result.reasons)) == ("ddim/two", Verdict.IDENTICAL, "")
    assert (result.platform, result.relation, result.golden) == (
        "cpu-x86_64",
        Relation.SAME,
        golden.as_posix(),
    )
    assert (result.seconds, step_words(result.next_steps), result.warnings) == (1.5, "", ())
    assert [tensor.name for tensor in result.tensors] == ["images"]
    assert result.environment_changes == ()


def test_unavailable_is_skipped(bench: Bench) -> None:
    result = judge(a_case("it's"), Unavailable("google/ddpm: no network"), bench.store)
    assert (result.verdict, reason_words(result.reasons)) == (Verdict.SKIPPED, "google/ddpm: no network")
    assert step_words(result.next_steps) == "make it available, then run: harness verify 'it'\"'\"'s'"
    assert (result.platform, result.relation, result.golden) == (None, None, None)


def test_lost_is_an_error_with_the_log(bench: Bench) -> None:
    result = judge(a_case(), Lost("worker: killed by signal 9", ("one", "two")), bench.store)
    assert (result.verdict, reason_words(result.reasons)) == (Verdict.ERROR, "worker: killed by signal 9")
    assert result.log == ("one", "two")
    assert step_words(result.next_steps).endswith("harness verify ddim/two")


def raised(env: Environment = HERE) -> Raised:
    return Raised("ValueError: bad", "\n".join(f"line {number}" for number in range(50)), env, 2.0)


def test_raised_without_a_golden_is_broken(bench: Bench) -> None:
    result = judge(a_case(), raised(), bench.store)
    assert (result.verdict, reason_words(result.reasons)) == (Verdict.BROKEN, "ValueError: bad")
    assert result.log == tuple(f"line {number}" for number in range(30, 50))
    assert (result.golden, result.platform, result.seconds) == (None, "cpu-x86_64", 2.0)
    assert warning_words(result.warnings) == ("no golden on any platform",)


def test_raised_with_a_golden_says_what_changed(bench: Bench) -> None:
    golden = bench.golden({"images": VALUES})
    result = judge(a_case(steps=3), raised(environment(torch="2.14.0")), bench.store)
    assert (result.verdict, result.golden) == (Verdict.BROKEN, golden.as_posix())
    assert result.relation is Relation.SAME_HARDWARE
    assert result.environment_changes == (Change("software.packages.torch", "2.13.0", "2.14.0"),)
    assert warning_words(result.warnings) == ("steps: 2 → 3",)


def test_raised_with_an_unreadable_golden_stays_broken(bench: Bench) -> None:
    bench.golden({"images": VALUES}).write_bytes(b"")
    result = judge(a_case(), raised(), bench.store)
    assert result.verdict is Verdict.BROKEN
    assert "is empty" in result.warnings[0]


def test_no_golden(bench: Bench) -> None:
    result = bench.judge({"images": VALUES})
    assert (result.verdict, reason_words(result.reasons)) == (Verdict.NO_GOLDEN, "no golden on any platform")
    assert step_words(result.next_steps) == "record one here: harness record ddim/two"
    assert (result.golden, result.relation, result.tensors) == (None, None, ())


def test_no_golden_of_a_case_that_refuses_other_platforms(bench: Bench) -> None:
    case = a_case(tolerance=Tolerance(cross_hardware=Rule.REFUSE))
    bench.golden({"images": VALUES}, env=environment("cuda-sm90"))
    result = bench.judge({"images": VALUES}, case)
    assert result.verdict is Verdict.NO_GOLDEN
    assert reason_words(result.reasons).endswith("refuses cross-hardware; goldens exist for cuda-sm90")


def test_refused_within_the_platform(bench: Bench) -> None:
    case = a_case(tolerance=Tolerance(cross_hardware=Rule.REFUSE))
    golden = bench.golden({"images": VALUES}, env=environment("cuda-sm90", gpu="GPU B"))
    result = bench.judge({"images": VALUES}, case, environment("cuda-sm90", gpu="GPU A"))
    assert (result.verdict, result.tensors) == (Verdict.NO_GOLDEN, ())
    assert result.relation is Relation.CROSS_HARDWARE
    assert (
        reason_words(result.reasons)
        == f"{golden}: recorded on GPU B (cuda), and the case refuses cross-hardware"
    )
    assert (
        step_words(result.next_steps) == "record one of this machine's own: harness record --update ddim/two"
    )


def test_nearest_golden_is_warned_of(bench: Bench) -> None:
    golden = bench.golden({"images": VALUES}, env=environment("cpu-aarch64"))
    result = bench.judge({"images": VALUES})
    assert (result.verdict, result.relation) == (Verdict.IDENTICAL, Relation.CROSS_HARDWARE)
    assert result.golden == golden.as_posix()
    assert result.platform == "cpu-x86_64"
    assert "cpu-aarch64 is the nearest" in result.warnings[0]


@pytest.mark.parametrize(
    ("env", "relation"),
    [
        (HERE, Relation.SAME),
        (environment(torch="2.14.0"), Relation.SAME_HARDWARE),
        (environment(gpu="GPU B"), Relation.CROSS_HARDWARE),
    ],
)
@pytest.mark.parametrize("forced", [None, *Relation])
def test_the_relation_chooses_the_allowance(
    bench: Bench, env: Environment, relation: Relation, forced: Relation | None
) -> None:
    tolerance = Tolerance(Limits(max_abs=1.0), Limits(max_abs=2.0), Limits(max_abs=3.0))
    case = a_case(tolerance=tolerance)
    bench.golden({"images": VALUES})
    result = bench.judge({"images": VALUES + np.float32(1.5)}, case, env, forced)
    judged = forced or relation
    assert result.relation is judged
    limit = {Relation.SAME: 1.0, Relation.SAME_HARDWARE: 2.0, Relation.CROSS_HARDWARE: 3.0}[judged]
    assert result.tensors[0].limits == {"max_abs": limit}
    assert result.verdict is (Verdict.DRIFTED if judged is Relation.SAME else Verdict.WITHIN)


def test_drifted_says_what_to_do(bench: Bench) -> None:
    bench.golden({"images": VALUES})
    result = bench.judge({"images": VALUES * 2})
    assert result.verdict is Verdict.DRIFTED
    assert reason_words(result.reasons).startswith("images: not bit for bit equal")
    assert step_words(result.next_steps) == (
        "if the change is not intended, find where it began and fix that: harness explain ddim/two; "
        "if the change is intended: harness accept ddim/two --reason ..."
    )


def test_the_worst_tensor_decides(bench: Bench) -> None:
    bench.golden({"a": VALUES, "b": VALUES, "c": VALUES})
    result = bench.judge({"a": VALUES, "b": VALUES * 2, "c": VALUES.reshape(1, 2)})
    assert [tensor.verdict for tensor in result.tensors] == [
        Verdict.IDENTICAL,
        Verdict.DRIFTED,
        Verdict.BROKEN,
    ]
    assert result.verdict is Verdict.BROKEN
    assert reason_words(result.reasons) == "c: float32 [2] in the golden, now float32 [1, 2]"


def test_stale_names_the_keys(bench: Bench) -> None:
    bench.golden({"images": VALUES}, case=a_case(steps=50))
    result = bench.judge({"images": VALUES}, a_case(steps=40))
    assert (result.verdict, reason_words(result.reasons), result.tensors) == (
        Verdict.STALE,
        "steps: 50 → 40",
        (),
    )
    assert step_words(result.next_steps) == (
        "if the new definition is not intended, restore configs/ddim/two.yaml and run: harness verify ddim/two; "
        "if the new definition is intended: harness record --update ddim/two"
    )


def test_unreadable_golden_is_an_error(bench: Bench) -> None:
    golden = bench.golden({"images": VALUES})
    golden.write_bytes(golden.read_bytes()[:-1] + b"\xff")
    for tensors in ({"images": VALUES}, {"images": VALUES * 2}, {"other": VALUES}):
        result = bench.judge(tensors)
        assert (result.verdict, result.tensors) == (Verdict.ERROR, ())
        assert reason_words(result.reasons).startswith(f"{golden}: tensor output/images is damaged")
        assert step_words(result.next_steps) == "restore the file from version control or a backup"
    golden.write_bytes(b"")
    assert bench.judge({"images": VALUES}).verdict is Verdict.ERROR


def test_unreadable_capture_is_an_error(bench: Bench) -> None:
    bench.golden({"images": VALUES})
    path = bench.capture({"images": VALUES})
    for data in (path.read_bytes()[:-1] + b"\xff", b""):
        path.write_bytes(data)
        result = judge(a_case(), Completed(str(path), HERE, 1.0), bench.store)
        assert result.verdict is Verdict.ERROR
        assert reason_words(result.reasons).startswith(f"{path}: ")
        assert step_words(result.next_steps) == "run the case again: harness verify ddim/two"
    result = judge(
        a_case(), Completed(str(bench.folder / "nowhere"), HERE, 1.0), GoldenStore(bench.folder / "none")
    )
    assert result.verdict is Verdict.ERROR


def test_a_store_that_cannot_be_read_is_an_error(bench: Bench) -> None:
    bench.store.root.mkdir()
    case = a_case("x" * 300)
    assert bench.judge({"images": VALUES}, case).verdict is Verdict.ERROR


@pytest.mark.parametrize("other", [a_case("ddim/other"), a_case(steps=9)])
def test_a_capture_of_another_definition_is_an_error(bench: Bench, other: Case) -> None:
    bench.golden({"images": VALUES})
    path = bench.capture({"images": VALUES}, case=other)
    result = judge(a_case(), Completed(str(path), HERE, 1.0), bench.store)
    assert result.verdict is Verdict.ERROR
    assert (
        reason_words(result.reasons) == f"{path}: is a capture of a different definition, for case {other.id}"
    )


def test_nothing_to_compare_is_no_pass(bench: Bench) -> None:
    bench.golden({}, absent=("images",))
    result = bench.judge({}, absent=("images",))
    assert result.verdict is Verdict.ERROR
    assert "has any output to compare" in reason_words(result.reasons)


def test_expectations_are_judged_beside_the_golden(bench: Bench) -> None:
    bench.golden({"images": VALUES})
    assert bench.judge({"images": VALUES}, a_case(expect=(PUBLISHED,))).verdict is Verdict.IDENTICAL
    missed = replace(PUBLISHED, value=8.0)
    result = bench.judge({"images": VALUES}, a_case(expect=(PUBLISHED, missed)))
    assert (result.verdict, reason_words(result.reasons)) == (
        Verdict.DRIFTED,
        "images.sum: 7, expected 8 ± 0.1",
    )
    assert result.exact_findings == (
        ExactFinding("expect images.sum", "8 ± 0.1", "7", fails=True, name="images.sum"),
    )
    elsewhere = replace(PUBLISHED, output="video")
    result = bench.judge({"images": VALUES}, a_case(expect=(elsewhere,)))
    assert result.verdict is Verdict.BROKEN
    assert reason_words(result.reasons) == "video.sum: no such numeric output; there are: images"


def test_a_case_that_may_do_without_a_golden(bench: Bench) -> None:
    case = a_case(golden_optional=True, expect=(PUBLISHED,))
    result = bench.judge({"images": VALUES}, case)
    assert (result.verdict, result.golden) == (Verdict.WITHIN, None)
    assert reason_words(result.reasons) == "no golden on any platform; judged by its expectations alone"
    assert bench.judge({"images": VALUES * 2}, case).verdict is Verdict.DRIFTED
    assert bench.judge({"other": VALUES}, case).verdict is Verdict.BROKEN
    assert bench.judge({"images": VALUES}, replace(case, expect=())).verdict is Verdict.NO_GOLDEN
    assert bench.judge({"images": VALUES}, replace(case, golden_optional=False)).verdict is Verdict.NO_GOLDEN


def test_a_golden_judges_also_where_it_is_optional(bench: Bench) -> None:
    case = a_case(golden_optional=True, expect=(PUBLISHED,))
    bench.golden({"images": VALUES}, case=case)
    result = bench.judge({"images": VALUES + np.float32(0.03)}, case)
    assert (result.verdict, result.relation) == (Verdict.DRIFTED, Relation.SAME)
    assert bench.judge({"images": VALUES}, replace(case, steps=9)).verdict is Verdict.STALE


def test_global_generators_are_warned_of(bench: Bench) -> None:
    bench.golden({"images": VALUES})
    result = bench.judge({"images": VALUES}, global_rngs=("torch", "numpy"), warnings=("floating revision",))
    assert result.warnings == (
        "floating revision",
        "torch, numpy: the pipeline drew from the global generator in addition to the one it was given",
    )
    case = a_case(generator=GeneratorKind.NONE)
    bench.golden({"images": VALUES}, case=case)
    assert bench.judge({"images": VALUES}, case, global_rngs=("torch",)).warnings == ()


def test_environment_changes_are_told(bench: Bench) -> None:
    bench.golden({"images": VALUES}, env=environment(torch="2.12.0"))
    result = bench.judge({"images": VALUES})
    assert result.environment_changes == (Change("software.packages.torch", "2.12.0", "2.13.0"),)


CALIBRATED = replace(Tolerance(), same_hardware=Rule.CALIBRATED, cross_hardware=Rule.CALIBRATED)


def calibrated(bench: Bench, values: np.ndarray = VALUES) -> Path:
    """A golden of `values` with a calibration that allows rel_l2 3e-6 on the same hardware, 1e-5 on other."""
    golden = bench.golden({"images": values})
    write_calibration(golden, a_calibration(outputs_digest(read_document(golden))))
    return golden


@pytest.mark.parametrize(
    ("relation", "by", "verdict", "limit"),
    [
        (Relation.SAME_HARDWARE, 2e-7, Verdict.WITHIN, 3e-6),
        (Relation.SAME_HARDWARE, 8e-6, Verdict.DRIFTED, 3e-6),
        (Relation.CROSS_HARDWARE, 1e-6, Verdict.WITHIN, 1e-5),
        (Relation.CROSS_HARDWARE, 8e-5, Verdict.DRIFTED, 1e-5),
        (Relation.SAME, 2e-7, Verdict.DRIFTED, None),
    ],
)
def test_calibrated_limits(
    relation: Relation, by: float, verdict: Verdict, limit: float | None, bench: Bench
) -> None:
    calibrated(bench)
    moved = (VALUES.astype(np.float64) * (1 + by)).astype(np.float32)
    result = bench.judge({"images": moved}, a_case(tolerance=CALIBRATED), relation=relation)
    assert result.verdict is verdict
    assert result.tensors[0].limits.get("rel_l2") == limit


def test_without_a_calibration_nothing_is_found_out(bench: Bench) -> None:
    golden = bench.golden({"images": VALUES})
    case = a_case(tolerance=CALIBRATED)
    result = bench.judge({"images": VALUES}, case, relation=Relation.SAME_HARDWARE)
    assert result.verdict is Verdict.ERROR
    assert reason_words(result.reasons).startswith(
        f"{golden.with_name('cpu-x86_64.calibration.json')}: no such file"
    )
    assert step_words(result.next_steps).endswith("harness calibrate ddim/two")
    assert bench.judge({"images": VALUES}, case).verdict is Verdict.IDENTICAL


def test_a_calibration_of_another_golden_does_not_judge(bench: Bench) -> None:
    calibrated(bench, VALUES * 2)
    bench.golden({"images": VALUES})
    result = bench.judge({"images": VALUES}, a_case(tolerance=CALIBRATED), relation=Relation.SAME_HARDWARE)
    assert (result.verdict, "belongs to another golden" in reason_words(result.reasons)) == (
        Verdict.ERROR,
        True,
    )


def _portable_on(model: str) -> Environment:
    """HERE as a portable run on the CPU `model` has it."""
    switches = replace(HERE.switches, portable=True)
    return replace(HERE, hardware=replace(HERE.hardware, cpu_model=model), switches=switches)


PORTABLE_CASE = a_case(determinism=Determinism(portable=True))


@pytest.mark.parametrize(
    ("case", "relation", "words"),
    [
        (PORTABLE_CASE, None, "recorded on EPYC, run on Xeon: portable, so judged bit for bit"),
        (
            PORTABLE_CASE,
            Relation.SAME_HARDWARE,
            "recorded on EPYC, run on Xeon: portable, judged under same-hardware as requested",
        ),
        (PORTABLE_CASE, Relation.SAME, "recorded on EPYC, run on Xeon: portable, so judged bit for bit"),
        (a_case(determinism=Determinism(portable=False)), None, ""),
    ],
    ids=["found", "asked for", "asked for what is found", "not to be portable"],
)
def test_it_says_how_the_golden_of_another_cpu_came_to_judge(
    bench: Bench, case: Case, relation: Relation | None, words: str
) -> None:
    bench.golden({"output/images": VALUES}, case=case, env=_portable_on("EPYC"))

    result = bench.judge({"output/images": VALUES}, case, _portable_on("Xeon"), relation)

    assert (result.verdict, result.portability) == (Verdict.IDENTICAL, words)


def test_of_another_definition_it_does_not_say_how_it_would_have_judged(bench: Bench) -> None:
    bench.golden({"output/images": VALUES}, case=PORTABLE_CASE, env=_portable_on("EPYC"))

    result = bench.judge({"output/images": VALUES}, replace(PORTABLE_CASE, seed=1), _portable_on("Xeon"))

    assert (result.verdict, result.portability) == (Verdict.STALE, "")
