#!/usr/bin/env bash
# Shows on one machine that portable runs give the same bits on CPUs of different makers. It runs the built-in cases on
# this CPU and on emulated ones (qemu-user: exact IEEE arithmetic, no AVX-512), compares everything that they recorded,
# as `harness compare` does, and the known answers of each, and prints a table. Some cases run again with several threads.
#
#   scripts/portable_evidence.sh [SELECT...]     default: every case; it names those that are no evidence, with the reason
#   CPUS="Haswell EPYC" OUT=out/portable THREADS=2 THREADED=sd/given-latents scripts/portable_evidence.sh 'sd/*'
#
# Exit codes: 0 identical throughout, 1 something differs or left no capture, 2 usage, 3 the runs could not be done.
# The emulated CPUs run in parallel, one core each; that takes about half an hour. Finished runs are kept in OUT
# and not repeated while code, configs, packages and CPU stay the same.
set -eu
cd "$(dirname "$0")/.."

export THREADS=${THREADS:-2}
cpus=${CPUS:-Haswell EPYC}
configs=${CONFIGS:-configs}
out=${OUT:-out/portable}
python=$PWD/.venv/bin/python
# How threads wait for each other changes no bit, but emulated threads that spin take the core from those that work.
export OMP_WAIT_POLICY=passive HF_HUB_OFFLINE=1

fail() { # CODE MESSAGE
    echo "$2" >&2
    exit "$1"
}

[ -x "$python" ] || make --no-print-directory --silent setup
if ! command -v qemu-x86_64 >/dev/null; then
    command -v apt-get >/dev/null || fail 3 'qemu-x86_64: not found; install qemu-user and run this again'
    echo 'installing qemu-user' >&2
    root=
    [ "$(id -u)" = 0 ] || root='sudo -n'
    { $root apt-get install -y -qq qemu-user ||
        { $root apt-get update -qq && $root apt-get install -y -qq qemu-user; }; } >/dev/null ||
        fail 3 'qemu-user: could not be installed; install it as root (apt-get install qemu-user) and run this again'
fi
for cpu in $cpus; do
    qemu-x86_64 -cpu "$cpu" /bin/true 2>/dev/null || fail 2 "CPUS: $cpu: qemu-x86_64 has no such CPU; see qemu-x86_64 -cpu help"
done

running= started=
scratch=$(mktemp -d)
finish() {
    trap - EXIT INT TERM HUP
    # Each harness ends its own workers; its unfinished runs have no stamp and run again.
    # shellcheck disable=SC2086
    [ -z "$running" ] || { kill $running 2>/dev/null || true; wait; }
    rm -rf "$scratch"
}
trap finish EXIT
trap 'finish; exit 130' INT TERM HUP

mkdir -p "$out"
out=$(cd "$out" && pwd)
"$python" scripts/portable_evidence.py plan "$configs" "$out" "$@" || exit

software_digest() { # everything that decides a run's result, except its cases and threads
    find harness "$out/plan-configs" -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
    "$python" -m pip list --disable-pip-version-check 2>/dev/null
    qemu-x86_64 --version
    grep -m 1 'model name' /proc/cpuinfo
}
software=$(software_digest | sha256sum)

stamp() { # CASES THREADS
    echo "$2 threads $software" && cat "$1"
}

# The parent stays native; its workers start through the wrapper. Each CPU gets its own new cache: an emulator shows the
# real CPU's /proc/cpuinfo, so the real CPU's known answers would be taken for the emulated one's.
run() { # CPU (or native) FOLDER CASES THREADS
    local folder=$out/$2 interpreter=$python
    if [ "$(cat "$folder/stamp" 2>/dev/null)" = "$(stamp "$3" "$4")" ]; then
        echo "$2: kept from the last run" >&2
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    if [ "$1" != native ]; then
        interpreter=$scratch/$2
        printf '#!/bin/sh\nexec qemu-x86_64 -cpu %s "%s" "$@"\n' "$1" "$python" >"$interpreter"
        chmod +x "$interpreter"
    fi
    echo "$2: running (progress: $folder/log)" >&2
    # shellcheck disable=SC2046
    XDG_CACHE_HOME=$scratch/cache-$1 HARNESS_THREADS=$4 exec \
        "$python" scripts/portable_evidence.py harness "$interpreter" verify $(cat "$3") \
        --configs "$out/plan-configs" --goldens "$out/no-goldens" --allow-missing --device cpu --jobs 1 \
        --out "$folder" --json "$folder/verify.json" >"$folder/log" 2>&1
}

start() { # CPU FOLDER CASES THREADS
    run "$@" &
    running="$running $!"
    started="$started $2"
}

# Without goldens nothing is judged: 0 means a capture of every case; for 1 and 3 the table shows each case.
finish_started() { # CASES THREADS
    local folder code
    for folder in $started; do
        # shellcheck disable=SC2086
        set -- "$1" "$2" $running
        code=0
        wait "$3" || code=$?
        running=${running# "$3"}
        case $code in
        0) stamp "$1" "$2" >"$out/$folder/stamp" ;;
        1 | 3) echo "$folder: not every case left a capture (exit code $code); see $out/$folder/log" >&2 ;;
        *)
            tail -n 15 "$out/$folder/log" >&2 || true
            fail 3 "$folder: verify ended with exit code $code (log: $out/$folder/log)"
            ;;
        esac
    done
    started=
}

for parts in "cases 1 " "threaded $THREADS -threads"; do
    read -r cases threads suffix <<<"$parts"
    [ -n "$(cat "$out/$cases")" ] || continue
    start native "native$suffix" "$out/$cases" "$threads"
    finish_started "$out/$cases" "$threads"
    for cpu in $cpus; do start "$cpu" "$cpu$suffix" "$out/$cases" "$threads"; done
    finish_started "$out/$cases" "$threads"
done

echo
# shellcheck disable=SC2086
"$python" scripts/portable_evidence.py table "$out" $cpus
