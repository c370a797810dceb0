#!/bin/bash
# A swarm of one machine: three replicas, one is killed, and another takes its place.
bip=172.28.2.1/24
. "$(dirname "$0")/daemon.sh"

running() {
    [ "$(on one ps -q --filter label=com.docker.swarm.service.name=web | wc -l)" = 3 ]
}
replaced() {
    running && ! on one ps -q --no-trunc | grep -q "$victim"
}

daemon one
show one load -i "$image"
show one swarm init --advertise-addr 127.0.0.1 --listen-addr "127.0.0.1:${SHOAL_EXAMPLE_PORT:-23771}"
show one service create --name web --replicas 3 --restart-delay 0s shoal/hello-http
show one service ps web
victim=$(on one ps -q --no-trunc --filter label=com.docker.swarm.service.name=web | head -1)
show one kill "$victim"
eventually "the third replica is back" replaced
show one service ps web
show one service scale web=5
show one service ls
show one service rm web
