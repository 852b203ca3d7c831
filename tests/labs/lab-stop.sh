#!/bin/sh
# Stops the instance in $LAB_DIR (or $1) by the process ids it wrote; LAB_KEEP=1 keeps the run folder.
set -eu
d=${1:-${LAB_DIR:?give the run folder}}
running() { # one that has ended and is not yet collected does not count
    [ -r "/proc/$1/status" ] && ! grep -q '^State:.Z' "/proc/$1/status"
}
if [ -f "$d/pids" ]; then
    while read -r _ pid; do kill "$pid" 2>/dev/null || true; done < "$d/pids"
    n=0
    while read -r _ pid; do
        while running "$pid" && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
        if running "$pid"; then   # its children share no group of their own: name them
            kids=$(ps -o pid= --ppid "$pid" 2>/dev/null || true)
            kill -9 "$pid" $kids 2>/dev/null || true
        fi
    done < "$d/pids"
fi
if [ "${LAB_KEEP:-0}" != 1 ] && [ -f "$d/lab.env" ]; then rm -rf "$d"; fi
