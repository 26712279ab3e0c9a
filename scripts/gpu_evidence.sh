#!/usr/bin/env bash
# Gathers what can be known about the harness on a GPU, with one command from a bare checkout on a machine without
# internet that has Python, torch and transformers. It installs what is missing from a folder of wheels into an
# environment of its own, which uses the torch that is there, and then works in stages (scripts/gpu_evidence.py).
#
#   scripts/gpu_wheels.sh                                  beforehand, where there is a package index
#   scripts/gpu_evidence.sh                                every stage, on the GPU
#   scripts/gpu_evidence.sh --stage goldens --seconds 540  one stage, with this much time
#   scripts/gpu_evidence.sh --device cpu --short           a few short cases of each stage, without a GPU
#
#   PYTHON=python3 WHEELS=.wheels OUT=out/gpu-evidence WORK=out/gpu    the defaults
#
# Everything worth keeping is in OUT, in files of at most 16 MiB: summary.json, summary.txt, logs.tar.gz and the
# archives of the stages. Each is complete after every step, so a stop keeps what was done. WORK holds the rest; a
# later call with --stage goes on with what it finds there.
#
# Exit codes: 0 all stages did what they should, 1 something failed (the summary says what), 2 usage, 3 the machine
# lacks something.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
wheels=${WHEELS:-.wheels}
work=${WORK:-out/gpu}
export OUT=${OUT:-out/gpu-evidence} WORK=$work HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1

fail() { # CODE MESSAGE
    echo "$2" >&2
    exit "$1"
}

command -v "$python" >/dev/null || fail 3 "PYTHON=$python: no such command; name the Python that has torch: PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail 3 "PYTHON=$python: $("$python" --version 2>&1) is too old, 3.11 or newer is needed; name another"
for package in torch transformers; do
    "$python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$package') is None)" ||
        fail 3 "PYTHON=$python: has no $package; name the Python that has torch and transformers: PYTHON=..."
done
[ -n "$(find "$wheels" -name '*.whl' 2>/dev/null | head -n 1)" ] ||
    fail 3 "WHEELS=$wheels: no wheels there; run scripts/gpu_wheels.sh where there is a package index, and bring the folder"

venv=$work/venv
stamp=$("$python" -c 'import sys; print(sys.version, sys.prefix)'; sha256sum requirements/gpu.txt)
if [ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ]; then
    echo "installing what is missing into $venv" >&2
    rm -rf "$venv"
    "$python" -m venv --without-pip "$venv"
    # Not --system-site-packages: if the Python is itself of a virtual environment, that means the one it was made
    # from. What is installed here comes first, and what is there stays as it is.
    "$python" - "$venv" <<'PY'
import subprocess, sys, sysconfig
from pathlib import Path
own = subprocess.run(
    [f"{sys.argv[1]}/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
    capture_output=True, text=True, check=True,
).stdout.strip()
there = [path for path in map(Path, sys.path[1:]) if path.is_dir() and path.name in ("site-packages", "dist-packages")]
line = "import site; " + "; ".join(f"site.addsitedir({str(path)!r})" for path in there)
Path(own, "the_machine.pth").write_text(line + "\n")
PY
    "$python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check --no-cache-dir \
        --no-index --no-deps --no-compile --ignore-installed --require-hashes \
        --find-links "$wheels" -r requirements/gpu.txt ||
        fail 3 "WHEELS=$wheels: do not fit this Python ($("$python" --version)); fill it with PYTHON_VERSION=... scripts/gpu_wheels.sh"
    echo "$stamp" >"$venv/stamp"
fi

PYTHONPATH=$PWD exec "$venv/bin/python" scripts/gpu_evidence.py "$@"
