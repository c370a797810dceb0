#!/bin/bash
# A Compose project of three services, by Debian's docker-compose and by the plugin of the `docker` client where it is
# installed: comes up, its names resolve, it is changed while it runs, and goes down without a trace.
#
# DOCKER_HOST says which daemon; it must have an image `busybox`.
set -uo pipefail
failed=0
fail() { echo "FAIL [$compose] $*" >&2; failed=$((failed + 1)); }
# until_true COMMAND…: within ten seconds, or as many as the machine needs, it succeeds.
until_true() {
    local end=$((SECONDS + ${SHOAL_PATIENCE:-10}))
    while [ $SECONDS -lt $end ]; do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
    fail "never came true: $*"
}
dir=$(mktemp -d /tmp/compose.$$.XXXX)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/project"; cd "$dir/project" || exit 1
cat > compose.yaml <<'Y'
version: "2.4"
services:
  db:
    image: busybox
    command: httpd -f -p 5432 -h /etc
    networks:
      back: {ipv4_address: 10.212.0.10, aliases: [database]}
  app:
    image: busybox
    command: httpd -f -p 8000 -h /etc
    depends_on: [db]
    networks: [back, front]
  web:
    image: busybox
    command: httpd -f -p 80 -h /etc
    depends_on: [app]
    ports: ["127.0.0.1:18081:80"]
    networks: [front]
networks:
  front: {}
  back:
    internal: true
    ipam: {config: [{subnet: 10.212.0.0/24}]}
Y
# inside SERVICE COMMAND…: runs it in the service's container.
inside() { local service=$1; shift; docker exec "$(docker ps -q --filter "label=com.docker.compose.service=$service")" "$@"; }
# finds SERVICE NAME [ADDRESS]
finds() { inside "$1" nslookup "$2" 127.0.0.11 | grep -q "^Address: ${3:-[0-9]}"; }
walk() {
    $compose -f compose.yaml up -d || { fail 'up'; return; }
    [ "$(docker ps -q | wc -l)" = 3 ] || fail "wanted three containers: $(docker ps -a)"
    until_true finds app db 10.212.0.10
    until_true finds app database 10.212.0.10
    until_true finds app web
    until_true finds web app
    finds web db && fail 'the front sees the back'
    until_true inside app sh -c 'nc -w 3 db 5432 </dev/null'
    until_true curl -s -o /dev/null http://127.0.0.1:18081/passwd
    $compose -f compose.yaml up -d || fail 'a second up'
    [ "$($compose -f compose.yaml ps -q | wc -l)" = 3 ] || fail 'ps'
    $compose -f compose.yaml restart -t 0 db || fail 'restart'
    until_true finds app db 10.212.0.10
    $compose -f compose.yaml up -d --scale app=2 || fail 'scale'
    [ "$(docker ps -q | wc -l)" = 4 ] || fail 'wanted two of them'
    $compose -f compose.yaml down -t 0 || fail 'down'
    [ -z "$(docker ps -aq)" ] || fail "containers are left: $(docker ps -a)"
    [ -z "$(docker network ls -q --filter type=custom)" ] || fail "networks are left: $(docker network ls)"
}
# Debian's program has Debian's modules; newer ones, which other clients are tried with, it cannot use.
unset PYTHONPATH
docker-compose version >/dev/null || exit 1
for compose in docker-compose 'docker compose'; do
    if $compose version >/dev/null 2>&1; then walk >"$dir/log" 2>&1; fi
    [ "$failed" = 0 ] || { cat "$dir/log" >&2; exit 1; }
done
echo 'the project is down: everything as it should be'
