# What the labs' lab-start.sh share; sourced by them, which have set LAB_DIR and stop at the first error.
labs=$(cd "$here/.." && pwd)

# The folder of Kamailio's modules, which must have this one.
modules() {
    for d in /usr/lib/*/kamailio/modules /usr/lib/kamailio/modules /usr/lib64/kamailio/modules; do
        if [ -f "$d/$1" ]; then echo "$d"; return; fi
    done
    echo "kamailio's module $1 not found: run tests/run, which installs it" >&2
    return 1
}

# Starts a server: its name, then the command. Its log is NAME.log, its process id a line of pids.
start() {
    name=$1; shift
    "$@" > "$LAB_DIR/$name.log" 2>&1 < /dev/null &
    echo "$name $!" >> "$LAB_DIR/pids"
}

# Nobody else may have the run folder.
claim() {
    if [ -f "$LAB_DIR/pids" ]; then echo "already running in $LAB_DIR" >&2; exit 1; fi
}

# Says what there is. With --hold it says "ready" last, stays until standard input is closed, and stops the lab.
tell() {
    cat "$LAB_DIR/lab.env"
    if [ "${1:-}" = --hold ]; then
        echo ready
        cat > /dev/null
        exec "$labs/lab-stop.sh" "$LAB_DIR"
    fi
}
