# Words that the walks have in common; they are put before each.
set -uo pipefail
failed=0 step=start

fail() { echo "FAIL [$step] $*" >&2; failed=$((failed + 1)); }
# equal WANT GOT: they are the same text.
equal() { [ "$1" = "$2" ] || fail "wanted '$1', got '$2'"; }
# like PATTERN TEXT: the text matches the extended regular expression.
like() { [[ $2 =~ $1 ]] || fail "wanted /$1/, got '$2'"; }
# code N COMMAND…: the command ends with N; what it prints is left in $out and $err.
code() {
    local want=$1; shift
    out=$("$@" 2>/tmp/walk.$$.err </dev/null); local got=$?
    err=$(</tmp/walk.$$.err)
    [ "$want" = "$got" ] || fail "$*: wanted exit code $want, got $got: $err"
}
# How many seconds something may take to come true.
patience=10
# until_true COMMAND…: within that time, or as many seconds as the machine needs, it succeeds.
until_true() {
    local end=$((SECONDS + ${SHOAL_PATIENCE:-$patience}))
    while [ $SECONDS -lt $end ]; do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
    fail "never came true: $*"
}
