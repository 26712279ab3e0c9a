"""Draws the outputs of a case as files that every viewer opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness import files
from harness.core.results.pictured import PicturedCase, PicturedOutput
from harness.core.results.verdict import CaseResult
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.tensors import TensorFile, file_sha256
from harness.pictures.drawing import Drawing, drawing_of
from harness.pictures.encode import png
from harness.pictures.kinds import Asked
from harness.pictures.outputs import Output, output_names, output_of
from harness.pictures.panels import Panel, compared
from harness.pictures.saving import save_drawing
from harness.trials.captures import inside
from harness.trials.gathering import found_capture


def pictured(
    case: str, golden: Path | None, capture: Path | None, folder: Path, *, below: str = ""
) -> PicturedCase:
    """Draw every output of the files that there are into `folder`/`below`/`case`.

    A file that cannot be read, or an output that cannot be drawn, is a problem of the result. Raises UsageError for a
    case's id that leads out of the folder, StoreError if a picture cannot be written.
    """
    target, problems = inside(folder, f"{below}/{case}" if below else case), list[str]()
    found = list[PicturedOutput]()
    with ExitStack() as opened:
        sides = [_opened(path, opened, problems) for path in (golden, capture)]
        there = [side for side in sides if side is not None]
        for name in dict.fromkeys(name for side in there for name in output_names(side)):
            try:
                found.append(_drawn(drawing(name, sides[0], sides[1]), target))
            except (UnreadableGolden, MemoryError, ValueError) as error:
                problems.append(f"{name}: cannot be drawn ({error})")
    return PicturedCase(case, _name(golden), _name(capture), tuple(found), tuple(problems))


def pictured_result(
    result: CaseResult, folders: Sequence[Path], folder: Path, *, by_platform: bool = False
) -> PicturedCase:
    """Draw the files that `result` was judged by into `folder`, the capture beside its report in one of `folders`.

    With `by_platform` they go below a folder that is called after its platform.
    A file that is gone, or has changed since, is a problem of the result. Raises as `pictured` does.
    """
    problems = list[str]()
    golden = Path(result.golden) if result.golden else None
    if golden is not None and not _is_judged(golden, result.golden_sha256):
        problems.append(f"{golden}: is gone or has changed since it was judged, so it is not drawn")
        golden = None
    capture = found_capture(result, folders)
    if capture is None and result.capture is not None:
        problems.append(
            f"{result.capture.path}: is gone or has changed since it was judged, so it is not drawn"
        )
    below = (result.platform or "none") if by_platform else ""
    found = pictured(result.case, golden, capture, folder, below=below)
    return replace(found, problems=(*problems, *found.problems))


def _is_judged(path: Path, sha256: str | None) -> bool:
    """Whether the file is there and is the one with this digest; reports of earlier versions have none."""
    try:
        return path.is_file() and sha256 in (None, file_sha256(path))
    except UnreadableGolden:
        return False


def golden_panel(case: str, golden: Path) -> Panel:
    """The first output of a golden that has a picture, for a contact sheet; the reason for one that has none."""
    try:
        with TensorFile(golden) as file:
            drawings = (drawing(name, file, None) for name in output_names(file))
            kinds = list[str]()
            for one in drawings:
                if one.golden is not None:
                    return Panel(case, str(one.kind), one.golden)
                kinds.append(str(one.kind))
            return Panel(case, f"no picture: {', '.join(dict.fromkeys(kinds)) or 'no output'}", None)
    except (HarnessError, MemoryError, ValueError) as error:
        return Panel(case, f"cannot be drawn: {type(error).__name__}", None)


def drawing(name: str, golden: TensorFile | None, capture: TensorFile | None) -> Drawing:
    """The drawing of an output that at least one of these files has; raises UnreadableGolden."""
    side = capture or golden
    assert side is not None
    return drawing_of(name, _output(golden, name), _output(capture, name), Asked.of(side.document))


def _name(path: Path | None) -> str | None:
    return None if path is None else path.as_posix()


def _output(file: TensorFile | None, name: str) -> Output | None:
    return None if file is None else output_of(file, name)


def _opened(path: Path | None, opened: ExitStack, problems: list[str]) -> TensorFile | None:
    if path is None:
        return None
    try:
        return opened.enter_context(TensorFile(path))
    except UnreadableGolden as error:
        problems.append(str(error))
        return None


def _drawn(one: Drawing, folder: Path) -> PicturedOutput:
    saved = list(save_drawing(one, folder))
    together = compared(one)
    path = None
    if together is not None and saved:
        path = saved[0].with_name(f"{saved[0].name.rpartition('-')[0]}-compared.png")
        files.write(path, png(together))
        saved.append(path)
    paths = tuple(one.as_posix() for one in saved)
    kind = "numbers" if one.numbers else str(one.kind)
    notes = (*one.notes, *_numbers(one))
    return PicturedOutput(one.output, kind, one.about, notes, paths, path.as_posix() if path else None)


def _numbers(one: Drawing) -> Iterator[str]:
    """A small output is shown as it is."""
    for number in one.numbers:
        yield f"{list(number.index)}: {_value(number.golden)} -> {_value(number.now)}"


def _value(value: float | None) -> str:
    return "absent" if value is None else f"{value:.9g}"
