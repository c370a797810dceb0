#!/bin/bash
# A manager and a worker on two machines: network namespaces with a cable between them. The worker is lost,
# and its tasks move.
. "$(dirname "$0")/daemon.sh"

manager=shoal-ex-m$$ worker=shoal-ex-w$$
cleanup() {
    ip netns del "$manager" 2>/dev/null || true
    ip netns del "$worker" 2>/dev/null || true
}
ip netns add "$manager"
ip netns add "$worker"
ip link add eth0 netns "$manager" type veth peer name eth0 netns "$worker"
ip -n "$manager" addr add 10.99.0.1/24 dev eth0
ip -n "$worker" addr add 10.99.0.2/24 dev eth0
for machine in "$manager" "$worker"; do
    ip -n "$machine" link set lo up
    ip -n "$machine" link set eth0 up
done

on_node() {
    [ "$(on m service ps web --filter desired-state=running --format '{{.Node}} {{.CurrentState}}' | grep -c "$1 .*Running")" = "$2" ]
}

daemon m nsenter --net="/run/netns/$manager" unshare --uts bash -c 'hostname m; exec "$@"' -
daemon w nsenter --net="/run/netns/$worker" unshare --uts bash -c 'hostname w; exec "$@"' -
on m load -i "$image" >/dev/null
on w load -i "$image" >/dev/null
show m swarm init --advertise-addr 10.99.0.1
token=$(on m swarm join-token --quiet worker)
show w swarm join --token "$token" 10.99.0.1:2377
show m node ls
show m service create --name web --replicas 4 shoal/hello-http
show m service ps web
echo; echo "The worker's machine is lost."
ip -n "$worker" link set eth0 down
eventually "all four run on the manager" on_node m 4
show m node ls
show m service ps web
show m service rm web
