#!/usr/bin/env bash
# Shows on one machine that portable runs give the same bits on CPUs of different makers: runs the built-in cases, each
# with `determinism: {portable: true}`, natively and on emulated CPUs (qemu-user, exact IEEE arithmetic), compares every
# capture with `harness compare`, and prints a table.
#
#   scripts/portable_evidence.sh [SELECT...]        default: every case with a built-in model that is seeded
#   CPUS="Haswell EPYC" OUT=out/portable scripts/portable_evidence.sh ddim/cpu-generator
#
# Emulation is slow: importing torch takes half a minute, all cases a quarter of an hour for each CPU.
set -eu
cd "$(dirname "$0")/.."

cpus=${CPUS:-Haswell EPYC}
out=${OUT:-out/portable}
python=$PWD/.venv/bin/python
[ $# -gt 0 ] || set -- '!tag:hub' '!ddim/unseeded'

[ -x "$python" ] || make --no-print-directory --silent setup
if ! command -v qemu-x86_64 >/dev/null; then
    command -v apt-get >/dev/null || { echo 'qemu-x86_64: not found; install qemu-user and run this again' >&2; exit 2; }
    echo 'installing qemu-user' >&2
    apt-get install -y -qq qemu-user >/dev/null || { apt-get update -qq && apt-get install -y -qq qemu-user >/dev/null; }
fi

wrappers=$(mktemp -d)
trap 'rm -rf "$wrappers"' EXIT

mkdir -p "$out"
rm -rf "$out/configs"
cp -R configs "$out/configs"
"$python" - "$out/configs" <<'PYTHON'
import sys
from pathlib import Path

import yaml

for path in Path(sys.argv[1]).rglob("*.yaml"):
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["determinism"] = {**config.get("determinism", {}), "portable": True}
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
PYTHON

# The parent stays native; its workers are started through the wrapper. Exit codes say nothing here: the captures do.
run() { # CPU (or native) SELECT...
    local cpu=$1 interpreter=$python
    shift
    if [ "$cpu" != native ]; then
        interpreter=$wrappers/$cpu
        printf '#!/bin/sh\nexec qemu-x86_64 -cpu %s %s "$@"\n' "$cpu" "$python" >"$interpreter"
        chmod +x "$interpreter"
    fi
    echo "running on $cpu" >&2
    "$python" -c 'import sys; sys.executable = sys.argv.pop(1); from harness.cli import main; sys.exit(main())' \
        "$interpreter" verify "$@" --configs "$out/configs" --goldens "$out/goldens" --allow-missing --jobs 2 \
        --device cpu --out "$out/$cpu" --quiet >&2 || true
}

for cpu in native $cpus; do run "$cpu" "$@"; done

echo
echo "| case | $(echo "$cpus" | sed 's/ / | /g') |"
echo "| --- |$(for _ in $cpus; do printf ' --- |'; done)"
apart=0
cd "$out/native/captures"
cases=$(find . -name capture.safetensors | sed 's|^\./||; s|/capture\.safetensors$||' | sort)
cd - >/dev/null
[ -n "$cases" ] || { echo 'no case left a capture; see the errors above' >&2; exit 3; }
for case in $cases; do
    row="| $case |"
    for cpu in $cpus; do
        if "$python" -m harness compare --quiet "$out/native/captures/$case/capture.safetensors" \
            "$out/$cpu/captures/$case/capture.safetensors" >"$wrappers/compared" 2>&1; then
            row="$row identical |"
        else
            row="$row $(tail -n 1 "$wrappers/compared") |"
            apart=$((apart + 1))
        fi
    done
    echo "$row"
done
echo
echo "$(echo "$cases" | wc -w) cases on $(echo "$cpus" | wc -w) emulated CPUs: $apart comparisons with other bits than here"
[ "$apart" = 0 ]
