# Sourced by the examples: daemons of their own, and their end.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${SHOAL_PROGRAMS:-$here/../target/release}
image=$programs/hello-http.tar
dir=$(mktemp -d /tmp/shoal-example.XXXXXX)
daemons=()

[ "$(id -u)" = 0 ] || { echo "examples start containers and need root: run them with sudo" >&2; exit 1; }
[ -x "$programs/shoald" ] || { echo "there is no $programs/shoald: run cargo xtask build" >&2; exit 1; }

# daemon NAME [COMMAND...]: starts a daemon with its socket at $dir/NAME.sock, under COMMAND if one is given.
daemon() {
    local name=$1; shift
    "$@" "$programs/shoald" --config-file /dev/null --data-root "$dir/$name/data" --exec-root "$dir/$name/exec" \
        --pidfile "$dir/$name.pid" -H "unix://$dir/$name.sock" ${bip:+--bip "$bip"} 2>"$dir/$name.log" &
    daemons+=("$name:$!")
    eventually "shoald answers" on "$name" version
}

# on NAME ARGS...: the client, talking to that daemon.
on() {
    local name=$1; shift
    "$programs/shoal" -H "unix://$dir/$name.sock" "$@"
}

# show NAME ARGS...: the same, said aloud first.
show() {
    echo; echo "[$1] \$ shoal ${*:2}"
    on "$@"
}

# eventually WHAT COMMAND...: tries the command until it succeeds, for a minute at the most.
eventually() {
    local what=$1 end=$((SECONDS + 60)); shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { echo "not within a minute: $what" >&2; tail -n 20 "$dir"/*.log >&2; return 1; }
        sleep 0.05
    done
}

end() {
    local status=$? entry name pid
    for entry in "${daemons[@]}"; do
        name=${entry%%:*}; pid=${entry##*:}
        on "$name" swarm leave --force >/dev/null 2>&1 || true
        on "$name" ps -aq 2>/dev/null | xargs -r -n 20 "$programs/shoal" -H "unix://$dir/$name.sock" rm -f >/dev/null 2>&1 || true
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if declare -F cleanup >/dev/null; then cleanup; fi
    rm -rf "$dir"
    exit "$status"
}
trap end EXIT
