# A walk over every network command of the `docker` client: exit code and what can be seen afterwards.
#
# DOCKER_HOST says which daemon; it must have an image `busybox`, no containers, and no networks but those that are built
# in. `bash <(cat words.sh network.sh)` runs the whole walk against any daemon that speaks the API, so that what it expects can be checked
# against Docker's own; what only newer ones than its 20.10 do stands behind `newer`.

inspect() { docker inspect -f "$2" "$1"; }
network() { docker network inspect -f "$2" "$1"; }
# answer STATUS PATTERN METHOD PATH [BODY]: what the API answers to a request that the client would not send.
answer() {
    local said status
    said=$(curl -s --unix-socket "${DOCKER_HOST#unix://}" -X "$3" -H 'Content-Type: application/json' -w '\n%{http_code}' \
        ${5:+-d "$5"} "http://d/v1.41$4")
    status=${said##*$'\n'}
    [ "$status" = "$1" ] || fail "$3 $4: wanted $1, got $said"
    like "$2" "$said"
}
# resolves CONTAINER NAME ADDRESS: the container finds the address by the name.
resolves() { docker exec "$1" nslookup "$2" 127.0.0.11 2>/dev/null | grep -qx "Address: $3"; }
lost() { ! resolves "$@"; }
# Whether the daemon is newer than Docker 20.10.
newer() { [ "$(docker version -f '{{.Server.APIVersion}}' | cut -d. -f2)" -gt 41 ]; }
cleanup() {
    kill $listener 2>/dev/null
    docker rm -fv $(docker ps -aq) >/dev/null 2>&1
    docker network rm $(docker network ls -q --filter type=custom) >/dev/null 2>&1
    rm -rf /tmp/walk.$$.*
}
trap cleanup EXIT
dir=$(mktemp -d /tmp/walk.$$.XXXX)
docker events --since "$(date +%s)" --filter type=network \
    --format '{{.Action}} {{index .Actor.Attributes "name"}} {{index .Actor.Attributes "type"}}' > "$dir/events" & listener=$!
up() { docker run -d --name "$@" >/dev/null || fail "run $*"; }
sleepy=(busybox sleep 1000)

step=ls
equal 'bridge host none' "$(docker network ls --format '{{.Name}}' | xargs)"
equal 'bridge host null' "$(docker network ls --format '{{.Driver}}' | xargs)"
like 'NETWORK ID +NAME +DRIVER +SCOPE' "$(docker network ls)"
equal '' "$(docker network ls -q --filter type=custom)"

step=create
code 0 docker network create plain; like '^[0-9a-f]{64}$' "$out"; plain=$out
equal "$plain" "$(network plain '{{.Id}}')"
equal "$plain" "$(network "${plain:0:12}" '{{.Id}}')"
equal 'bridge local false false' "$(network plain '{{.Driver}} {{.Scope}} {{.Internal}} {{.EnableIPv6}}')"
like '^(172\.|192\.168\.)[0-9.]+/[0-9]+ [0-9.]+\.1$' "$(network plain '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}')"
like '^20[0-9-]+[ T]' "$(network plain '{{.Created}}')"
code 1 docker network create plain; like 'network with name plain already exists' "$err"
code 0 docker network create --subnet 10.201.0.0/24 --ip-range 10.201.0.128/25 --gateway 10.201.0.9 \
    --aux-address taken=10.201.0.130 --label tier=db --label empty -o com.docker.network.driver.mtu=1400 \
    -o com.docker.network.bridge.name=walkbr0 --attachable mine
equal '10.201.0.0/24 10.201.0.128/25 10.201.0.9 map[taken:10.201.0.130]' \
    "$(network mine '{{range .IPAM.Config}}{{.Subnet}} {{.IPRange}} {{.Gateway}} {{.AuxiliaryAddresses}}{{end}}')"
equal 'map[empty: tier:db] true' "$(network mine '{{.Labels}} {{.Attachable}}')"
equal '1400 walkbr0' "$(network mine '{{index .Options "com.docker.network.driver.mtu"}} {{index .Options "com.docker.network.bridge.name"}}')"
code 0 docker network create --internal closed; equal true "$(network closed '{{.Internal}}')"
code 0 docker network create --ipv6 --subnet 10.202.0.0/24 --subnet fd00:202::/64 both
equal 'true fd00:202::/64' "$(network both '{{.EnableIPv6}} {{(index .IPAM.Config 1).Subnet}}')"

step=refused
code 1 docker network create bridge
code 1 docker network create -d no-such-driver other; like 'no-such-driver' "$err"
code 1 docker network create --subnet 10.201.0.0/16 other; like '[Pp]ool overlaps with other one on this address space' "$err"
code 1 docker network create --subnet 10.203.0.0/24 --gateway 10.203.0.1 --aux-address x=10.203.0.1 other
like 'Address already in use' "$err"
code 1 docker network create --subnet 10.203.0.0/24 --gateway 10.204.0.1 other; like 'no matching subnet for gateway' "$err"
code 1 docker network create -o com.docker.network.driver.mtu=many other; like '[Mm][Tt][Uu]' "$err"
code 1 docker network create -o com.docker.network.bridge.enable_icc=maybe other; like 'enable_icc' "$err"
code 1 docker network create --subnet 10.203.0.0 other; like '[Ii]nvalid' "$err"
answer 409 'network with name plain already exists' POST /networks/create '{"Name":"plain","CheckDuplicate":true}'
answer 403 'operation is not permitted on predefined' POST /networks/create '{"Name":"host"}'
answer 404 'not found' POST /networks/create '{"Name":"other","Driver":"no-such-driver"}'
answer 404 'network nowhere not found' DELETE /networks/nowhere
answer 403 'bridge is a pre-defined network and cannot be removed' DELETE /networks/bridge
equal '' "$(docker network ls -q --filter name=other)"

step=filters
equal 'both closed mine plain' "$(docker network ls --filter type=custom --format '{{.Name}}' | sort | xargs)"
equal 'bridge host none' "$(docker network ls --filter type=builtin --format '{{.Name}}' | sort | xargs)"
equal mine "$(docker network ls --filter label=tier=db --format '{{.Name}}')"
equal mine "$(docker network ls --filter label=empty --format '{{.Name}}')"
equal plain "$(docker network ls --filter name=lai --format '{{.Name}}')"
equal plain "$(docker network ls --filter "id=${plain:0:20}" --format '{{.Name}}')"
equal none "$(docker network ls --filter driver=null --format '{{.Name}}')"
equal 7 "$(docker network ls -q --filter scope=local | wc -l)"
equal '' "$(docker network ls -q --filter scope=swarm)"
equal "$plain" "$(docker network ls -q --no-trunc --filter name=plain)"
code 1 docker network ls --filter colour=red; like '[Ii]nvalid filter' "$err"
code 1 docker network ls --filter type=odd; like '[Ii]nvalid filter' "$err"

step=run
up one --network mine --ip 10.201.0.200 --network-alias uno --hostname first "${sleepy[@]}"
equal '10.201.0.200 24 10.201.0.9 10.201.0.200' \
    "$(inspect one '{{with .NetworkSettings.Networks.mine}}{{.IPAddress}} {{.IPPrefixLen}} {{.Gateway}} {{.IPAMConfig.IPv4Address}}{{end}}')"
equal "$(network mine '{{.Id}}')" "$(inspect one '{{.NetworkSettings.Networks.mine.NetworkID}}')"
equal mine "$(inspect one '{{.HostConfig.NetworkMode}}')"
like '10.201.0.200/24' "$(docker exec one ip -o -4 addr show eth0)"
like 'mtu 1400' "$(docker exec one ip link show eth0)"
like 'default via 10.201.0.9 dev eth0' "$(docker exec one ip route)"
like $'10.201.0.200\tfirst' "$(docker exec one cat /etc/hosts)"
like 'nameserver 127.0.0.11' "$(docker exec one cat /etc/resolv.conf)"
like 'options.* ndots:0' "$(docker exec one cat /etc/resolv.conf)"
up two --network mine "${sleepy[@]}"
two=$(inspect two '{{.NetworkSettings.Networks.mine.IPAddress}}')
like '^10\.201\.0\.(12[89]|1[3-9][0-9]|2[0-9][0-9])$' "$two"
[ "$two" != 10.201.0.130 ] || fail 'an auxiliary address was given'
equal 'one two' "$(network mine '{{range .Containers}}{{println .Name}}{{end}}' | sort | xargs)"
like '10.201.0.200/24' "$(network mine '{{range .Containers}}{{.IPv4Address}} {{end}}')"
code 125 docker run --name three --network mine --ip 10.201.0.200 busybox true; like 'Address already in use' "$err"
code 0 docker rm three
code 125 docker run --name three --network mine --ip 10.99.0.1 busybox true
like "does not belong to any of this network's subnets|no configured subnet contains" "$err"; code 0 docker rm three
code 125 docker run --name three --network plain --ip 172.18.0.77 busybox true
like 'only when connecting to networks with user configured subnets' "$err"; docker rm three >/dev/null
code 125 docker run --rm --ip 172.17.0.77 busybox true; like 'on user defined networks only' "$err"
code 125 docker run --rm --network-alias x busybox true; like 'only supported for user-defined networks' "$err"
code 125 docker run --rm --network nowhere busybox true; like 'network nowhere not found' "$err"
code 125 docker run --rm -p 70000:80 --network plain busybox true; like 'invalid hostPort' "$err"
code 0 docker run --rm --network "${plain:0:12}" busybox ip -o -4 addr show eth0; like 'inet ' "$out"
code 0 docker run --rm --network both busybox ip -o -6 addr show eth0; like 'fd00:202::' "$out"

step=names
until_true resolves two one 10.201.0.200
until_true resolves two uno 10.201.0.200
until_true resolves two "$(inspect one '{{slice .Id 0 12}}')" 10.201.0.200
until_true resolves one two "$two"
code 0 docker rename two zwei
until_true resolves one zwei "$two"; until_true lost one two "$two"
code 0 docker rename zwei two

step=connect
code 0 docker network connect --alias zwo plain two
like 'eth1' "$(docker exec two ip -o -4 addr show)"
equal 'mine plain' "$(inspect two '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' | xargs)"
like 'zwo' "$(inspect two '{{.NetworkSettings.Networks.plain.Aliases}}')"
plain_two=$(inspect two '{{.NetworkSettings.Networks.plain.IPAddress}}')
equal 2 "$(docker exec two grep -c "$(inspect two '{{.Config.Hostname}}')" /etc/hosts)"
up four --network plain "${sleepy[@]}"
until_true resolves four zwo "$plain_two"
until_true lost one zwo "$plain_two"
code 0 docker exec four ping -c 1 -W 5 "$plain_two"
code 1 docker exec four ping -c 1 -W 1 10.201.0.200
code 1 docker network connect mine two; like 'already exists in network mine' "$err"
code 1 docker network connect nowhere two; like 'network nowhere not found' "$err"
code 1 docker network connect plain nobody; like 'No such container: nobody' "$err"
code 1 docker network connect host two; like 'host network' "$err"
code 1 docker network connect none two; like 'private \(none\) mode' "$err"
code 1 docker network connect --ip 10.201.0.200 mine four; like 'Address already in use' "$err"
code 1 docker network connect --ip 10.77.0.1 mine four; like "does not belong to any of this network's subnets|no configured subnet contains" "$err"
answer 400 'host network' POST /networks/host/connect '{"Container":"two"}'
answer 404 'No such container' POST /networks/plain/connect '{"Container":"nobody"}'
up shared --network container:four "${sleepy[@]}"
code 1 docker network connect mine shared; like 'sharing network namespace with another container or host' "$err"
up onhost --network host "${sleepy[@]}"
code 1 docker network connect mine onhost; like 'sharing network namespace with another container or host' "$err"
up alone --network none "${sleepy[@]}"
code 1 docker network connect mine alone; like 'private \(none\) mode' "$err"

step=disconnect
code 0 docker network disconnect mine two
equal plain "$(inspect two '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}')"
equal 0 "$(docker exec two ip -o -4 addr show | grep -c "$two")"
like 'default via' "$(docker exec two ip route)"
until_true lost one two "$two"
code 1 docker network disconnect mine two; like 'is not connected to (the )?network mine' "$err"
code 1 docker network disconnect nowhere two; like 'network nowhere not found' "$err"
code 1 docker network disconnect mine nobody; like 'No such container: nobody' "$err"
code 1 docker network disconnect -f mine nobody; like 'endpoint nobody not found' "$err"
code 1 docker network disconnect host onhost; like 'host network' "$err"
code 0 docker network disconnect -f plain two
equal 1 "$(docker exec two ip -o link | wc -l)"
code 0 docker network connect --ip 10.201.0.222 mine two
like '10.201.0.222' "$(docker exec two ip -o -4 addr show)"
until_true resolves one two 10.201.0.222

step=stopped
code 0 docker stop -t 0 two
equal '' "$(inspect two '{{.NetworkSettings.Networks.mine.IPAddress}}')"
code 0 docker network connect --alias later plain two
equal 'mine plain' "$(inspect two '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' | xargs)"
until_true lost one two 10.201.0.222
code 0 docker start two
equal 10.201.0.222 "$(inspect two '{{.NetworkSettings.Networks.mine.IPAddress}}')"
until_true resolves four later "$(inspect two '{{.NetworkSettings.Networks.plain.IPAddress}}')"
docker stop -t 0 two >/dev/null
code 0 docker network disconnect mine two
equal plain "$(inspect two '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}')"
docker network create gone >/dev/null; docker network connect gone two; docker network rm gone >/dev/null
code 1 docker start two; like 'network gone not found' "$err"
code 0 docker network disconnect -f gone two || code 0 docker rm -f two
docker rm -f two >/dev/null 2>&1

step=links
code 0 docker run --rm --network mine --link one:linked busybox nslookup linked 127.0.0.11; like 'Address: 10.201.0.200' "$out"
until_true lost one linked 10.201.0.200
up old -e COLOUR=red "${sleepy[@]}"
code 0 docker run --rm --link old:store busybox sh -c 'cat /etc/hosts; env'
like "$(inspect old '{{.NetworkSettings.Networks.bridge.IPAddress}}').store" "$out"; like 'STORE_ENV_COLOUR=red' "$out"

if newer; then
    step=several
    equal plain "$(inspect four '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}')"
    code 0 docker run --rm --network closed busybox ip route; equal 0 "$(grep -c default <<<"$out")"
    answer 400 'nvalid' POST /networks/create '{"Name":"other","IPAM":{"Config":[{"Subnet":"10.203.0.0"}]}}'
    code 0 docker run -d --name many --network name=mine,ip=10.201.0.240,alias=multi --network name=plain,gw-priority=7 "${sleepy[@]}"
    equal 'mine plain' "$(inspect many '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' | xargs)"
    equal "default via $(inspect many '{{.NetworkSettings.Networks.plain.Gateway}}') dev" \
        "$(docker exec many ip route | grep default | cut -d' ' -f1-4)"
    equal '10.201.0.240 7' "$(inspect many '{{.NetworkSettings.Networks.mine.IPAddress}} {{.NetworkSettings.Networks.plain.GwPriority}}')"
    like 'many multi' "$(inspect many '{{range .NetworkSettings.Networks.mine.DNSNames}}{{.}} {{end}}')"
    code 0 docker network connect --gw-priority 9 both many
    equal "default via $(inspect many '{{.NetworkSettings.Networks.both.Gateway}}') dev" \
        "$(docker exec many ip route | grep default | cut -d' ' -f1-4)"
    code 0 docker network disconnect both many
    equal "default via $(inspect many '{{.NetworkSettings.Networks.plain.Gateway}}') dev" \
        "$(docker exec many ip route | grep default | cut -d' ' -f1-4)"
    code 0 docker run --rm --network mine --mac-address 02:42:00:00:00:33 busybox ip -o link show eth0; like '02:42:00:00:00:33' "$out"
    code 125 docker run --rm --network mine --network host busybox true; like 'user-defined and non-user-defined' "$err"
    code 0 docker network create --ipv6 pooled
    like '^fd[0-9a-f:]+/64$' "$(network pooled '{{(index .IPAM.Config 1).Subnet}}')"
    code 0 docker network rm pooled
    answer 400 'invalid' POST /networks/create '{"Name":"other","IPAM":{"Config":[{"Subnet":"10.203.0.0/24","Gateway":"10.204.0.1"}]}}'
    equal 'both closed' "$(docker network ls --filter dangling=true --format '{{.Name}}' | xargs)"
    answer 404 'network gone not found' POST /networks/gone/disconnect '{"Container":"one"}'
fi

step=ports
up web --network mine -p 127.0.0.1:18080:80 busybox httpd -f -p 80 -h /etc
like '^127.0.0.1:18080$' "$(docker port web 80)"
until_true sh -c 'curl -s http://127.0.0.1:18080/hosts | grep -q web || curl -s -o /dev/null http://127.0.0.1:18080/hosts'
code 0 docker network disconnect mine web
code 0 docker network connect plain web
until_true curl -s -o /dev/null http://127.0.0.1:18080/hosts
docker rm -f web >/dev/null

step=rm
code 1 docker network rm mine; like 'has active endpoints' "$err"
answer 403 'has active endpoints' DELETE /networks/mine
code 1 docker network rm closed bridge; equal closed "$out"; like 'pre-defined network' "$err"
code 1 docker network inspect closed
code 1 docker network inspect nowhere; like 'network nowhere not found' "$err"; equal '[]' "$out"

step=prune
code 0 docker network prune -f --filter label=nothing; equal '' "$out"
code 0 docker network prune -f --filter until=24h; equal '' "$out"
code 0 docker network prune -f; like 'Deleted Networks:.both' "$(tr '\n' ' ' <<<"$out")"
equal 'mine plain' "$(docker network ls --filter type=custom --format '{{.Name}}' | sort | xargs)"
docker rm -f one many >/dev/null 2>&1
code 0 docker system prune -f; like 'mine' "$out"
code 1 docker network prune -f --filter colour=red

step=events
kill $listener
for event in 'create plain bridge' 'connect mine bridge' 'disconnect mine bridge' 'destroy closed bridge' 'connect host host'; do
    grep -qx "$event" "$dir/events" || fail "no event '$event'"
done

if [ "$failed" != 0 ]; then echo "$failed checks failed" >&2; exit 1; fi
echo 'the walk is over: everything as it should be'
