# A walk over every swarm and node command of the `docker` client with all their flags, on six machines: exit code, words, and
# what can be seen afterwards.
#
# SOCKETS names the daemons' sockets, ROOT a directory with `root.pem` and `root.key`, an authority's certificate and key. The machines are
# 10.88.0.1 to 10.88.0.6 on `eth0`. Whoever runs the walk kills and starts daemons for it: it is asked on standard output,
# `kill 2`, and answers with a line on standard input.

exec 3<&0 4>&1 0</dev/null 1>&2
read -ra sockets <<<"- $SOCKETS"
# on N COMMAND…: towards the daemon of this machine.
on() { local machine=$1; shift; DOCKER_HOST=unix://${sockets[$machine]} "$@"; }
# machine kill|start N
machine() { echo "$*" >&4; read -r _ <&3; }
address() { echo "10.88.0.$1:2377"; }
# says N PATTERN COMMAND…: fails with this code and a sentence that matches.
says() { local want=$1 pattern=$2; shift 2; code "$want" "$@"; like "$pattern" "$err"; }
info() { on "$1" docker info -f "$2"; }
node() { on "$1" docker node inspect -f "$3" "$2"; }
swarm() { info "$1" "{{with .Swarm.Cluster}}$2{{end}}"; }
token() { on 1 docker swarm join-token -q "$1"; }
is() { [ "$1" = "$("${@:2}")" ]; }
count() { local want=$1; shift; [ "$want" = "$("$@" | wc -l)" ]; }
nodes() { on "$1" docker node ls --format "$2" "${@:3}"; }
# managed N LEADERS REACHABLE: as the machine sees it.
managed() {
    local said; said=$(nodes "$1" '{{.ManagerStatus}}' 2>/dev/null)
    [ "$2 $3" = "$(grep -c Leader <<<"$said") $(grep -c Reachable <<<"$said")" ]
}
ready() { [ "$2" = "$(nodes "$1" '{{.Status}}' | grep -c Ready)" ]; }
containers() { on "$1" docker ps -q --no-trunc --filter label=com.docker.swarm.service.name=web; }
running() { local m; for m in 1 2 3 4 5; do containers $m; done; }
# has PART WHOLE, where the part may hold anything.
has() { [[ $2 == *"$1"* ]] || fail "wanted '$1' in '$2'"; }
sealed() { ! grep -q 'PRIVATE KEY' "${sockets[$1]%/sock}/data/swarm/key.pem"; }
# unlock N KEY
unlock() { on "$1" docker swarm unlock <<<"$2"; }
ours() { docker --version | grep -q '^shoal'; }
flagged() { says 125 "$1" on 1 docker swarm "${@:2}"; }
refused() { says 1 "$1" on "$2" docker swarm "${@:3}"; }
patience=30
mine='This node is not a swarm manager'
dir=$(mktemp -d /tmp/walk.$$.XXXX); trap 'rm -rf /tmp/walk.$$.*' EXIT

step=outside
says 1 "$mine. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm" on 1 docker node ls
for words in 'join-token worker' 'join-token -q manager' ca unlock-key 'update --task-history-limit 2'; do refused "$mine" 1 $words; done
says 1 "$mine" on 1 docker node inspect self; says 1 "$mine" on 1 docker node ps; says 1 "$mine" on 1 docker node rm x
says 1 "$mine" on 1 docker node promote x; says 1 "$mine" on 1 docker node update --role worker x
refused 'This node is not part of a swarm' 1 leave; refused 'This node is not part of a swarm' 1 leave --force
refused 'This node is not part of a swarm' 1 unlock
code 0 on 1 docker swarm update; like '--task-history-limit' "$out"

step=flags
flagged 'unknown flag: --no-such' init --no-such; refused 'accepts no arguments' 1 init extra
refused 'requires 1 argument' 1 join-token; refused 'requires 1 argument' 1 join; refused 'unknown role boss' 1 join-token boss
refused 'invalid availability "bogus", only active, pause and drain are supported' 1 init --availability bogus
flagged 'invalid argument "soon" for "--cert-expiry" flag' init --cert-expiry soon
refused 'minimum certificate expiry time is: 1h0m0s' 1 init --cert-expiry 30m
flagged 'invalid argument "x" for "--dispatcher-heartbeat" flag' init --dispatcher-heartbeat x
refused 'heartbeat' 1 init --dispatcher-heartbeat 10ms
for flag in max-snapshots snapshot-interval task-history-limit data-path-port default-addr-pool-mask-length; do
    flagged "invalid argument \"x\" for \"--$flag\" flag" init --$flag x
done
flagged 'invalid port' init --listen-addr lo:many
refused 'listen address must be an IP address or network interface' 1 init --listen-addr nowhere
for wrong in 0.0.0.0 nowhere; do refused 'advertise address must be a non-zero IP address or network' 1 init --advertise-addr $wrong; done
for wrong in 0.0.0.0 nowhere 10.0.0.1:5; do refused 'data path address must be a non-zero IP address' 1 init --data-path-addr $wrong; done
refused 'not in valid range \(1024-49151\) : 80' 1 init --data-path-port 80
flagged 'invalid string being converted to CIDR: 10.0.0.0' init --default-addr-pool 10.0.0.0
refused 'Subnet size is too small for pool: 24' 1 init --default-addr-pool 10.0.0.0/26
refused 'subnet size is out of range: 33' 1 init --default-addr-pool 10.0.0.0/16 --default-addr-pool-mask-length 33
refused 'overlap' 1 init --default-addr-pool 10.0.0.0/16 --default-addr-pool 10.0.3.0/24
flagged "invalid field 'nonsense' must be a key=value pair" init --external-ca nonsense
flagged 'needs a url= parameter' init --external-ca protocol=cfssl
refused 'ExternalCAs' 1 init --external-ca protocol=cfssl,url=https://ca.example
equal inactive "$(info 1 '{{.Swarm.LocalNodeState}}')"

step=init
code 0 on 1 docker swarm init --advertise-addr eth0 --listen-addr 0.0.0.0:2377 --data-path-addr 10.88.0.1 --data-path-port 5789 \
    --default-addr-pool 10.20.0.0/16 --default-addr-pool 10.30.0.0/16 --default-addr-pool-mask-length 26 --autolock \
    --availability pause --cert-expiry 48h --dispatcher-heartbeat 7s --max-snapshots 3 --snapshot-interval 5000 --task-history-limit 9
first=$(info 1 '{{.Swarm.NodeID}}')
like "Swarm initialized: current node \($first\) is now a manager" "$out"
like "swarm join --token $(token worker) 10.88.0.1:2377" "$out"
like 'To unlock a swarm manager after it restarts' "$out"; has "$(on 1 docker swarm unlock-key -q)" "$out"
equal 'active true 1 1 10.88.0.1' "$(info 1 '{{with .Swarm}}{{.LocalNodeState}} {{.ControlAvailable}} {{.Nodes}} {{.Managers}} {{.NodeAddr}}{{end}}')"
until_true is 10.88.0.1:2377 info 1 '{{range .Swarm.RemoteManagers}}{{.Addr}}{{end}}'
equal '5789 [10.20.0.0/16 10.30.0.0/16] 26' "$(swarm 1 '{{.DataPathPort}} {{.DefaultAddrPool}} {{.SubnetSize}}')"
settings='{{.Spec.Orchestration.TaskHistoryRetentionLimit}} {{.Spec.Raft.KeepOldSnapshots}} {{.Spec.Raft.SnapshotInterval}} {{.Spec.Dispatcher.HeartbeatPeriod}} {{.Spec.CAConfig.NodeCertExpiry}} {{.Spec.EncryptionConfig.AutoLockManagers}}'
equal '9 3 5000 7s 48h0m0s true' "$(swarm 1 "$settings" | sed 's/7000000000/7s/; s/172800000000000/48h0m0s/')"
equal pause "$(node 1 self '{{.Spec.Availability}}')"
refused 'This node is already part of a swarm. Use "docker swarm leave"' 1 init
refused 'This node is already part of a swarm' 1 join --token "$(token worker)" "$(address 1)"
refused 'Removing the last manager erases all current state of the swarm. Use `--force` to ignore' 1 leave
code 0 on 6 docker swarm init --advertise-addr 10.88.0.6; other=$(on 6 docker swarm join-token -q worker)

step=update
code 0 on 1 docker swarm update --task-history-limit 4 --max-snapshots 1 --snapshot-interval 7000 --dispatcher-heartbeat 2s --cert-expiry 72h --autolock=false
equal 'Swarm updated.' "$out"
equal '4 1 7000 2s 72h0m0s false' "$(swarm 1 "$settings" | sed 's/2000000000/2s/; s/259200000000000/72h0m0s/')"
refused 'minimum certificate expiry time is: 1h0m0s' 1 update --cert-expiry 10m; refused 'ExternalCAs' 1 update --external-ca protocol=cfssl,url=x
flagged 'flag' update --autolock=maybe; flagged 'flag' update --cert-expiry x; refused 'accepts no arguments' 1 update extra
refused 'no unlock key is set' 1 unlock-key; refused 'no unlock key is set' 1 unlock-key -q
refused 'cannot rotate because autolock is not turned on' 1 unlock-key --rotate; refused 'swarm is not locked' 1 unlock
code 0 on 1 docker node update --availability active self; equal self "$out"

step=tokens
worker=$(token worker) manager=$(token manager)
like '^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$' "$worker"
code 0 on 1 docker swarm join-token worker; like "To add a worker to this swarm.*swarm join --token $worker 10.88.0.1:2377" "$out"
code 0 on 1 docker swarm join-token --rotate worker; like 'Successfully rotated worker join token.' "$out"; old=$worker worker=$(token worker)
code 0 on 1 docker swarm join-token -q --rotate manager; [ "$out" != "$manager" ] || fail 'not rotated'; equal "$out" "$(token manager)"
[ "$old" != "$worker" ] || fail 'the token is the same'; manager=$(token manager)

step=strangers
# Nobody is there to say no: it takes a while.
{ on 5 docker swarm join --token "$worker" "$(address 99)" 2>&1; echo "code $?"; } >"$dir/far" & far=$!
valid='A valid join token is necessary to join this cluster'
refused "$valid" 2 join "$(address 1)"; refused "$valid" 2 join --token "$old" "$(address 1)"
refused 'invalid join token' 2 join --token nonsense "$(address 1)"
refused 'remote CA does not match fingerprint' 2 join --token "$other" "$(address 1)"
refused 'cannot reach a manager at 10.88.0.3:2377|connection refused' 2 join --token "$worker" "$(address 3)"
refused 'only active, pause and drain are supported' 2 join --token "$worker" --availability bogus "$(address 1)"
refused 'listen address must be' 2 join --token "$worker" --listen-addr nowhere "$(address 1)"
refused 'advertise address must be' 2 join --token "$worker" --advertise-addr nowhere "$(address 1)"
refused 'data path address must be' 2 join --token "$worker" --data-path-addr nowhere "$(address 1)"
equal inactive "$(info 2 '{{.Swarm.LocalNodeState}}')"; equal 1 "$(on 1 docker node ls -q | wc -l)"

step=join
code 0 on 2 docker swarm join --token "$manager" --advertise-addr eth0 --listen-addr 0.0.0.0:2377 "$(address 1)"
like 'This node joined a swarm as a manager' "$out"
code 0 on 3 docker swarm join --token "$manager" --advertise-addr 10.88.0.3 --listen-addr 10.88.0.3:2399 "$(address 2)"
code 0 on 4 docker swarm join --token "$worker" --availability drain --data-path-addr eth0 "$(address 1)"
like 'This node joined a swarm as a worker' "$out"
wait $far; like '(cannot reach a manager at 10.88.0.99:2377|no route to host|deadline exceeded).*code 1$' "$(<"$dir/far")"
code 0 on 5 docker swarm join --token "$worker" 10.88.0.3:2399
refused 'already part of a swarm' 4 join --token "$worker" "$(address 1)"; refused 'already part of a swarm' 4 init
until_true ready 1 5; until_true managed 1 1 2
id=(- "$first"); for m in 2 3 4 5; do id[m]=$(info $m '{{.Swarm.NodeID}}'); done
equal drain "$(node 1 "${id[4]}" '{{.Spec.Availability}}')"; equal 10.88.0.3:2399 "$(node 1 "${id[3]}" '{{.ManagerStatus.Addr}}')"
equal 10.88.0.5 "$(node 1 "${id[5]}" '{{.Status.Addr}}')"
says 1 "$mine. Worker nodes can't be used to view or modify cluster state" on 4 docker node ls
refused "$mine" 4 ca; refused "$mine" 4 init --force-new-cluster; says 1 "$mine" on 4 docker node inspect self

step=ls
like 'ID +HOSTNAME +STATUS +AVAILABILITY +MANAGER STATUS +ENGINE VERSION' "$(on 2 docker node ls)"
equal "${id[*]:1}" "$(for m in 1 2 3 4 5; do on 3 docker node ls -q --filter "id=${id[m]:0:20}"; done | xargs)"
equal 3 "$(nodes 2 '{{.ID}}' --filter role=manager | wc -l)"; equal 2 "$(nodes 2 '{{.ID}}' --filter role=worker | wc -l)"
equal "${id[2]} true" "$(nodes 2 '{{.ID}} {{.Self}}' | grep true)"; equal 5 "$(nodes 1 '{{.ID}}' --filter membership=accepted | wc -l)"
equal 5 "$(nodes 1 '{{.Hostname}} {{.TLSStatus}} {{.EngineVersion}}' --filter "name=$(hostname)" | grep -c ' Ready ')"
equal 5 "$(nodes 1 json | grep -c '"Status":"Ready"')"; like '^ID +Status' "$(nodes 1 'table {{.ID}}\t{{.Status}}' | sed 's/STATUS/Status/')"
says 1 "Invalid role filter: 'boss'" nodes 1 x --filter role=boss; says 1 "Invalid membership filter: 'odd'" nodes 1 x --filter membership=odd
says 1 "[Ii]nvalid filter 'colour'" nodes 1 x --filter colour=red

step=inspect
like '"Role": "manager"' "$(on 1 docker node inspect self)"; equal "${id[1]} ${id[4]}" "$(node 1 self {{.ID}}) $(on 1 docker node inspect -f {{.ID}} "${id[4]:0:9}")"
code 0 on 1 docker node inspect --pretty self "${id[5]}"
for line in "ID:.*$first" 'Availability: +.Active' 'Raft Status:..Reachable' 'Leader:..Yes' 'Plugins:' 'Network:..*bridge' 'TLS Info:' 'BEGIN CERTIFICATE' 'Issuer Subject'; do like "$line" "$out"; done
says 1 'node nobody not found' on 1 docker node inspect nobody; says 1 'node nobody not found' on 1 docker node inspect "$first" nobody; like "$first" "$out"
says 1 'requires at least 1 argument' on 1 docker node inspect

step=ps
code 0 on 1 docker service create -d --name web --replicas 4 --restart-delay 0s shoal/hello-http
until_true count 4 running; equal '' "$(containers 4)"
like 'ID +NAME +IMAGE +NODE +DESIRED STATE +CURRENT STATE' "$(on 1 docker node ps)"
for m in 1 2 3 5; do until_true count 1 on 2 docker node ps -q --filter desired-state=running "${id[m]}"; done
equal "$(on 2 docker node ps -q --no-trunc)" "$(on 1 docker node ps --no-trunc --format '{{.ID}}' "${id[2]}")"
like "^web\.[1-4] ${id[5]} Running" "$(on 1 docker node ps --no-resolve --format '{{.Name}} {{.Node}} {{.DesiredState}}' "${id[5]}" | sed 's/^[0-9a-z]*\.\([1-4]\)/web.\1/')"
equal 4 "$(on 1 docker node ps -q "${id[@]:1}" | sort -u | wc -l)"; equal '' "$(on 1 docker node ps -q --filter name=other "${id[5]}")"
equal 1 "$(on 1 docker node ps -q --filter name=web --filter "id=$(on 1 docker node ps -q --no-trunc "${id[5]}")" "${id[5]}" | wc -l)"
says 1 'node nobody not found' on 1 docker node ps nobody; says 1 "[Ii]nvalid filter 'colour'" on 1 docker node ps --filter colour=red

step='update of a node'
code 0 on 1 docker node update --label-add tier=db --label-add empty --label-add zone=a "${id[5]}"; equal "${id[5]}" "$out"
code 0 on 2 docker node update --label-rm zone --label-add tier=web "${id[5]}"; equal 'map[empty: tier:web]' "$(node 1 "${id[5]}" '{{.Spec.Labels}}')"
equal "${id[5]}" "$(on 1 docker node ls -q --filter node.label=tier=web)"
says 1 "key nope doesn't exist in node's labels" on 1 docker node update --label-rm nope "${id[5]}"
says 1 'invalid Availability: "bogus"' on 1 docker node update --availability bogus "${id[5]}"; says 1 'invalid Role: "boss"' on 1 docker node update --role boss "${id[5]}"
says 1 'node nobody not found' on 1 docker node update --role worker nobody; says 1 'requires 1 argument' on 1 docker node update --role worker
code 0 on 1 docker node update --availability drain "${id[5]}"; until_true is '' containers 5; until_true count 4 running
code 0 on 1 docker node update --availability active "${id[4]}"; code 0 on 1 docker node update --availability active "${id[5]}"

step='kill -9'
before=$(running | sort)
machine kill 2; machine kill 5; until_true managed 1 1 1; machine start 2; machine start 5
until_true managed 2 1 2; until_true ready 1 5; equal "$before" "$(running | sort)"

step=roles
code 0 on 1 docker node promote "${id[4]}"; equal "Node ${id[4]} promoted to a manager in the swarm." "$out"; until_true managed 4 1 3
code 0 on 1 docker node promote "${id[4]}"; equal "Node ${id[4]} is already a manager." "$out"
says 1 'node nobody not found' on 1 docker node promote nobody "${id[5]}"; equal worker "$(node 1 "${id[5]}" {{.Spec.Role}})"
says 1 'node nobody not found' on 1 docker node demote nobody; says 1 'requires at least 1 argument' on 1 docker node promote
code 0 on 1 docker node demote "${id[4]}"; equal "Manager ${id[4]} demoted in the swarm." "$out"; until_true managed 1 1 2
code 0 on 1 docker node demote "${id[4]}"; equal "Node ${id[4]} is already a worker." "$out"
code 0 on 1 docker node update --role manager "${id[4]}"; until_true managed 4 1 3; code 0 on 4 docker node update --role worker "${id[4]}"
until_true managed 1 1 2; until_true is false info 4 '{{.Swarm.ControlAvailable}}'; until_true ready 1 5; equal "$before" "$(running | sort)"
says 1 'is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal' on 1 docker node rm "${id[2]}"
says 1 'must be demoted to worker before removal' on 1 docker node rm --force "${id[2]}"
says 1 'is not down and can.t be removed' on 1 docker node rm "${id[4]}"; says 1 'node nobody not found' on 1 docker node rm nobody
refused 'Removing this node leaves 2 managers out of 3|The only way to restore a swarm' 3 leave
machine kill 3; until_true is unreachable node 1 "${id[3]}" '{{.ManagerStatus.Reachability}}'
says 1 'loss of quorum' on 1 docker node demote "${id[2]}"; machine start 3; until_true managed 3 1 2

step=lock
code 0 on 1 docker swarm update --autolock; like 'Swarm updated.*To unlock a swarm manager' "$out"; key=$(on 2 docker swarm unlock-key -q)
code 0 on 2 docker swarm unlock-key; has "$key" "$out"; like '^SWMKEY-1-' "$key"
until_true sealed 3
machine kill 3; machine start 3; equal locked "$(info 3 '{{.Swarm.LocalNodeState}}')"
says 1 'Swarm is encrypted and needs to be unlocked before it can be used' on 3 docker node ls
refused 'Please unlock it first or use `--force`' 3 leave
says 1 'invalid key' unlock 3 SWMKEY-1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; says 1 'invalid key' unlock 3 nonsense
code 0 unlock 3 "$key"; until_true managed 3 1 2; says 1 'swarm is not locked' unlock 3 "$key"; equal "$before" "$(running | sort)"
code 0 on 1 docker swarm unlock-key --rotate; like 'Successfully rotated manager unlock key' "$out"
code 0 on 1 docker swarm unlock-key -q --rotate; [ "$out" != "$key" ] || fail 'not rotated'; equal "$out" "$(on 2 docker swarm unlock-key -q)"
code 0 on 1 docker swarm update --autolock=false

step=ca
root=$(on 1 docker swarm ca); like '^-----BEGIN CERTIFICATE-----' "$root"
for flag in '--cert-expiry 3h' "--ca-cert $ROOT/root.pem" "--ca-key $ROOT/root.key" '--external-ca protocol=cfssl,url=x'; do refused 'requires the `--rotate` flag' 1 ca $flag; done
flagged 'no such file or directory' ca --rotate --ca-cert /nowhere; flagged 'PEM' ca --rotate --ca-cert /etc/hostname
refused 'requires that a --ca-key flag' 1 ca --rotate --ca-cert "$ROOT/root.pem"
refused 'rotating to an external CA requires the `--ca-cert`' 1 ca --rotate --external-ca protocol=cfssl,url=x
code 0 on 1 docker swarm ca --rotate -q --cert-expiry 96h; equal '' "$out"; second=$(on 2 docker swarm ca); [ "$root" != "$second" ] || fail 'the same root'
like '^(96h0m0s|345600000000000)$' "$(swarm 1 '{{.Spec.CAConfig.NodeCertExpiry}}')"
code 0 on 1 docker swarm ca --rotate --ca-cert "$ROOT/root.pem" --ca-key "$ROOT/root.key"
like 'desired root digest|rotated CA certificates' "$out$err"; equal "$(<"$ROOT/root.pem")" "$(on 3 docker swarm ca)"
code 0 on 1 docker swarm ca --rotate --detach; equal '' "$out"
until_true is false swarm 1 '{{.RootRotationInProgress}}'; until_true count 5 nodes 1 '{{if eq .TLSStatus "Ready"}}x{{end}}' --filter membership=accepted
[ "$worker" != "$(token worker)" ] || fail 'the tokens are those of the former root'
equal "$before" "$(running | sort)"

step=rm
code 0 on 4 docker swarm leave; equal 'Node left the swarm.' "$out"; equal 'down the node left the swarm' "$(node 1 "${id[4]}" '{{.Status.State}} {{.Status.Message}}')"
code 0 on 1 docker node rm "${id[4]}"; equal "${id[4]}" "$out"; refused 'not part of a swarm' 4 leave
code 0 on 1 docker node rm --force "${id[5]}"; until_true is '' containers 5; code 0 on 5 docker swarm leave
code 0 on 4 docker swarm join --token "$(token worker)" "$(address 2)"; until_true ready 1 4; until_true count 4 running

if ours; then
    step=backup
    export SHOAL_BACKUP_PASSPHRASE='correct horse battery staple'
    refused 'required flag\(s\) "to" not set' 1 backup
    code 0 on 2 docker swarm backup --to "$dir/b" --keep 1; code 0 on 1 docker swarm backup --to "$dir/b" --keep 1; file=$out
    equal 1 "$(ls "$dir/b" | wc -l)"
    SHOAL_BACKUP_PASSPHRASE=short says 1 'at least 12' on 1 docker swarm backup --to "$dir/b"
    refused 'already part of a swarm' 6 restore "$file"
    code 0 on 6 docker swarm leave --force; echo "wrong passphrase" >"$dir/wrong"
    refused 'passphrase' 6 restore --passphrase-file "$dir/wrong" "$file"; equal inactive "$(info 6 '{{.Swarm.LocalNodeState}}')"
    code 0 on 6 docker swarm restore --advertise-addr 10.88.0.6 --listen-addr 10.88.0.6 --availability drain "$file"; like 'only manager' "$out"
    equal "$(token worker) web" "$(on 6 docker swarm join-token -q worker) $(on 6 docker service ls --format {{.Name}})"
fi
code 0 on 6 docker swarm leave --force

step=force
machine kill 2; machine kill 3
code 0 on 1 docker swarm init --force-new-cluster --advertise-addr 10.88.0.1; like "current node \($first\) is now a manager" "$out"
equal "$first Leader" "$(nodes 1 '{{.ID}} {{.ManagerStatus}}' --filter role=manager)"
machine start 2; machine start 3; until_true ready 1 4; until_true is false info 2 '{{.Swarm.ControlAvailable}}'; until_true count 4 running

step=leave
for m in 2 3 4; do code 0 on $m docker swarm leave; done; code 0 on 1 docker swarm leave --force; equal inactive "$(info 1 '{{.Swarm.LocalNodeState}}')"
until_true count 0 running
if [ "$failed" != 0 ]; then echo "$failed checks failed"; exit 1; fi
