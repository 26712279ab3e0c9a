#!/usr/bin/env bash
# Fills a folder with the wheels that scripts/gpu_evidence.sh installs on a machine without internet: everything that
# the harness and its GPU tests need beyond torch, transformers and what those two bring. It runs where there is a
# package index, for any Linux on x86-64; requirements/gpu.txt names the wheels with their hashes.
#
#   scripts/gpu_wheels.sh [FOLDER]        download them to FOLDER (default .wheels) and check every hash
#   scripts/gpu_wheels.sh --lock          write requirements/gpu.txt again, after a change of the other requirements
#
#   PYTHON_VERSION=3.12 PYTHON=python3 scripts/gpu_wheels.sh    for another Python than that of the machine
#
# Exit codes: 0 complete, 2 usage, 3 a wheel cannot be downloaded, has another hash, or all together are too large.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
version=${PYTHON_VERSION:-3.12}
list=requirements/gpu.txt
most=$((60 * 1024 * 1024))

fail() { # CODE MESSAGE
    echo "$2" >&2
    exit "$1"
}

# FOLDER VERSION OPTIONS...; pip matches the exact name of a platform, so each that wheels are built for is named. It
# takes 3.12 for 3.12.0, which some wheels are too new for.
download() {
    local folder=$1 for=$2
    shift 2
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --implementation cp --python-version "$for.12" \
        --platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux2014_x86_64 --platform manylinux_2_5_x86_64 --platform manylinux1_x86_64 \
        --dest "$folder" "$@" 2> >(grep -v '^WARNING: Location' >&2)
}

lock() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    "$python" scripts/gpu_requirements.py pins >"$scratch/pins"
    for version in 3.11 3.12 3.13; do
        download "$scratch/wheels" "$version" -r "$scratch/pins" || fail 3 "Python $version: not every pin has a wheel"
    done
    "$python" scripts/gpu_requirements.py lock "$scratch/pins" "$scratch/wheels" >"$scratch/list"
    mv "$scratch/list" "$list"
    echo "$list: $(grep -c '==' "$list") packages"
}

case ${1-} in
--lock) lock; exit ;;
-*) fail 2 "$1: no such option; usage: scripts/gpu_wheels.sh [FOLDER | --lock]" ;;
esac

folder=${1:-.wheels}
rm -rf "$folder"
mkdir -p "$folder"
download "$folder" "$version" --require-hashes -r "$list" ||
    fail 3 "$list: not every wheel could be downloaded for Python $version with the hash that stands there; run scripts/gpu_wheels.sh --lock after a change of the requirements"
size=$(cat "$folder"/*.whl | wc -c)
[ "$size" -le "$most" ] || fail 3 "$folder: $((size / 1024 / 1024)) MiB, more than the $((most / 1024 / 1024)) MiB that a machine takes; take something off $list"
echo "$folder: $(find "$folder" -name '*.whl' | wc -l) wheels, $((size / 1024 / 1024)) MiB, for Python $version"
