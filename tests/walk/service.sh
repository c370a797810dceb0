# A walk over every service, task, secret, config and stack command of the `docker` client, on five machines: exit code, words, and what
# can be seen afterwards.
#
# SOCKETS names the daemons' sockets; they have the images `busybox` and are in no swarm. The machines are 10.88.0.1 to
# 10.88.0.5 on `eth0`. Whoever runs the walk kills and starts daemons for it: it is asked on standard output, `kill 2`, and
# answers with a line on standard input.

exec 3<&0 4>&1 0</dev/null 1>&2
read -ra sockets <<<"- $SOCKETS"
# on N COMMAND…: towards the daemon of this machine.
on() { local machine=$1; shift; DOCKER_HOST=unix://${sockets[$machine]} "$@"; }
machine() { echo "$*" >&4; read -r _ <&3; }
# By the machine that is asked: a manager.
d() { on "${by:-1}" docker "$@"; }
says() { local want=$1 pattern=$2; shift 2; code "$want" "$@"; like "$pattern" "$err"; }
is() { [ "$1" = "$("${@:2}")" ]; }
count() { local want=$1; shift; [ "$want" = "$("$@" | wc -l)" ]; }
has() { [[ $2 == *"$1"* ]] || fail "wanted '$1' in '$2'"; }
# hidden PART WHOLE
hidden() { [[ $2 != *"$1"* ]] || fail "did not want '$1' in '$2'"; }
ours() { docker --version | grep -q '^shoal'; }
service() { d service inspect -f "$2" "$1"; }
# running SERVICE: the ids of its tasks that run and should.
running() { d service ps -q --no-trunc --filter desired-state=running "$1" | while read -r t; do [ running = "$(d inspect --type task -f '{{.Status.State}}' "$t")" ] && echo "$t"; done; }
runs() { [ "$2" = "$(running "$1" | wc -l)" ]; }
# states SERVICE: how its last update went.
states() { service "$1" '{{with .UpdateStatus}}{{.State}}{{end}}'; }
image() { service "$1" '{{.Spec.TaskTemplate.ContainerSpec.Image}}'; }
# inside SERVICE COMMAND…: in one of its containers, wherever that is.
inside() {
    local m c name=$1; shift
    for m in 1 2 3 4 5; do
        c=$(on $m docker ps -q --filter "label=com.docker.swarm.service.name=$name" | head -1)
        [ -n "$c" ] && { on $m docker exec "$c" "$@"; return; }
    done
    return 99
}
node_of() { d inspect --type task -f '{{.NodeID}}' "$1"; }
everywhere() { local m; for m in 1 2 3 4 5; do on $m docker ps -q --filter label=com.docker.swarm.task; done; }
patience=40
quick='--restart-delay 0s --update-monitor 300ms --rollback-monitor 300ms --stop-grace-period 1s'
dir=$(mktemp -d /tmp/walk.$$.XXXX); trap 'rm -rf /tmp/walk.$$.*' EXIT

step=swarm
code 0 on 1 docker swarm init --advertise-addr 10.88.0.1
for m in 2 3; do code 0 on $m docker swarm join --token "$(d swarm join-token -q manager)" 10.88.0.1:2377; done
for m in 4 5; do code 0 on $m docker swarm join --token "$(d swarm join-token -q worker)" 10.88.0.1:2377; done
until_true is '5' eval 'd node ls --format "{{.Status}}" | grep -c Ready'
for m in 1 2 3 4 5; do id[m]=$(on $m docker info -f '{{.Swarm.NodeID}}'); done

step='create, ls, inspect'
code 0 d service create -q --name web --replicas 2 $quick --label tier=front --container-label inner=yes --env A=b --env 'WHERE={{.Node.Hostname}} {{.Service.Name}} {{.Task.Slot}}' \
    --hostname 'h-{{.Task.Slot}}' --workdir /tmp --user nobody --read-only --mount type=tmpfs,target=/scratch --init --stop-signal TERM --limit-memory 64m --limit-pids 50 \
    --reserve-memory 8m --cap-drop NET_RAW --ulimit nofile=512:512 --sysctl net.ipv4.ip_forward=0 --host extra:10.9.9.9 --dns 10.9.9.8 --dns-search walk.test --dns-option ndots:2 \
    --log-driver json-file --log-opt max-file=2 --constraint node.role==worker --placement-pref spread=node.labels.zone --replicas-max-per-node 1 --update-parallelism 1 --update-order start-first \
    --update-failure-action continue --rollback-parallelism 2 --rollback-order stop-first --no-resolve-image busybox sleep 1000
web=$out; like '^[0-9a-z]{25}$' "$web"; until_true runs web 2
equal "2/2" "$(d service ls --filter name=web --format '{{.Replicas}}' | cut -d' ' -f1)"; like 'web +replicated +2/2 \(max 1 per node\) +busybox:latest' "$(d service ls)"
equal "$web web front" "$(service web '{{.ID}} {{.Spec.Name}} {{.Spec.Labels.tier}}')"; equal web "$(service "${web:0:8}" '{{.Spec.Name}}')"
equal b "$(inside web sh -c 'echo $A')"; like '^.+ web [12]$' "$(inside web sh -c 'echo $WHERE')"; like '^h-[12]$' "$(inside web hostname)"
equal 'nobody /tmp 512' "$(inside web sh -c 'echo $(id -un) $PWD $(ulimit -n)')"; like '10.9.9.9.extra' "$(inside web cat /etc/hosts)"
like 'search walk.test' "$(inside web cat /etc/resolv.conf)"; inside web touch /file 2>/dev/null && fail 'the root is writable'; inside web touch /scratch/x || fail 'the tmpfs is not'
equal 2 "$(for t in $(running web); do node_of $t; done | sort -u | grep -c -e "${id[4]}" -e "${id[5]}")"
code 0 d service inspect --pretty web
for line in 'Name:..web' 'Service Mode:.Replicated' 'Replicas:.2' 'Constraints:' 'UpdateConfig:' 'Parallelism:.1' 'RollbackConfig:' 'Image:..busybox'; do like "$line" "$out"; done
says 1 'no such service: nobody|service nobody not found' d service inspect nobody; says 1 'no such service: nobody|service nobody not found' d service ps nobody
says 1 'name conflicts with an existing object' d service create -q --name web --no-resolve-image busybox

step='wrong specs'
for flags in '--replicas -1' '--mode bogus' '--constraint nonsense' '--network nowhere' '--secret nothing' '--config nothing' '--update-order sideways' '--restart-condition maybe' \
    '--mode global --replicas 2' '--publish 80:80:80:80' '--mount type=odd,target=/x' '--limit-memory 1k' '--endpoint-mode odd' '--mode replicated --max-concurrent 2' '--env =x' '--ulimit odd=1' \
    '--update-max-failure-ratio 2' '--restart-max-attempts -1'; do
    by=1; out=$(d service create -q -d --no-resolve-image $flags busybox sleep 1 2>&1) && fail "taken: $flags"; [ "$(wc -l <<<"$out")" -le 8 ] || fail "many words for $flags: $out"
done
says 1 'template' d service create -q -d --no-resolve-image --env 'X={{.Nonsense.Here}}' busybox; equal 1 "$(d service ls -q | wc -l)"
ours && { says 1 '[Ii]solation' d service create -q -d --isolation hyperv busybox; }

step='scale, update, rollback'
code 0 d service scale -d web=1; like 'web scaled to 1' "$out"; until_true runs web 1
before=$(running web)
code 0 d service update -q --label-add tier=back --update-parallelism 2 web; equal "$before" "$(running web)"; equal back "$(service web '{{.Spec.Labels.tier}}')"
code 0 d service update -q --force web; [ "$before" != "$(running web)" ] || fail 'not replaced'; until_true is completed states web
code 0 d service update -q --env-add A=c --env-rm WHERE --host-rm extra:10.9.9.9 --constraint-rm node.role==worker --replicas-max-per-node 0 --replicas 4 web; until_true runs web 4
equal c "$(inside web sh -c 'echo $A')"; equal '' "$(inside web sh -c 'echo $WHERE')"
code 0 d service rollback -q web
until_true is rollback_completed states web; until_true is b inside web sh -c 'echo $A'
says 1 'service nobody not found' d service scale -d nobody=2; code 0 d service rm web; equal web "$out"; until_true count 0 everywhere

step='orders and failure actions'
for order in stop-first start-first; do
    code 0 d service create -q -d --name o --replicas 2 $quick --update-order $order --no-resolve-image busybox sleep 1000; until_true runs o 2
    code 0 d service update -q --args 'sleep 2000' o; until_true is completed states o; runs o 2 || fail "$order"; d service rm o >/dev/null; until_true count 0 everywhere
done
failing() { d service update -q -d --args 'sh -c exit\ 3' f; }
for action in pause continue rollback; do
    # With a delay, so that what failed is known before the second is tried: a task that runs lets the update go on at once.
    code 0 d service create -q -d --name f --replicas 2 $quick --restart-condition none --update-delay 4s --update-monitor 3s --update-failure-action $action --update-max-failure-ratio 0 --no-resolve-image busybox sleep 1000; until_true runs f 2
    code 0 failing
    case $action in
        pause) until_true is paused states f; runs f 1 || fail 'more than one was tried' ;;
        continue) until_true is completed states f ;;
        rollback) until_true is rollback_completed states f; until_true runs f 2; like 'rollback completed' "$(service f '{{.UpdateStatus.Message}}')" ;;
    esac
    d service rm f >/dev/null; until_true count 0 everywhere
done
# The client that waits tells how it ended.
code 0 d service create -q --name f --replicas 1 $quick --restart-condition none --update-monitor 3s --update-failure-action pause --no-resolve-image busybox sleep 1000
says 1 'update paused due to failure or early termination of task' d service update --args false f
d service rm f >/dev/null

step='modes'
code 0 d service create -q --name g --mode global $quick --no-resolve-image busybox sleep 1000; until_true runs g 5; like 'global +5/5' "$(d service ls --filter mode=global)"
equal 5 "$(for t in $(running g); do node_of $t; done | sort -u | wc -l)"
code 0 d node update --availability drain "${id[5]}"; until_true runs g 4; code 0 d node update --availability active "${id[5]}"; until_true runs g 5
code 0 d node update --label-add special=yes "${id[2]}"; code 0 d service update -q -d --constraint-add node.labels.special==yes g; until_true runs g 1; equal "${id[2]}" "$(node_of "$(running g)")"
says 1 'scale can only be used with replicated' d service scale g=2; d service rm g >/dev/null

step='jobs across the loss of the leader'
job='sh -c sleep\ 2'
code 0 d service create -q -d --name r --mode replicated-job --replicas 6 --max-concurrent 2 --restart-condition on-failure --no-resolve-image busybox sleep 2
code 0 d service create -q -d --name j --mode global-job --restart-condition on-failure --no-resolve-image busybox sleep 3
leader=$(for m in 1 2 3; do [ true = "$(d node inspect -f '{{.ManagerStatus.Leader}}' "${id[m]}")" ] && echo $m; done)
[ "$leader" = 1 ] && by=2 || by=1
sleep 1; machine kill "$leader"
# Places, not tasks: on a node that was lost one may have completed as well as where it was begun again.
# The first place of a replicated job is number 0, which clients show as its node.
completed() { [ "$2" = "$(d service ps --no-trunc --format '{{.Name}} {{.CurrentState}}' "$1" | sed -n 's/^\( \\_ \)\?\([^ ]*\) Complete.*/\2/p' | sed 's/^r\.[0-9a-z]\{25\}$/r.0/' | sort -u | wc -l)" ]; }
until_true completed r 6; machine start "$leader"; until_true is 5 eval 'd node ls --format "{{.Status}}" | grep -c Ready'
until_true completed j 5; completed r 6 || fail 'a run too many'
like 'replicated job +0/[02] \(6/6 completed\)' "$(d service ls --filter name=r)"; like 'global job +0/0 \(5/5 completed\)|global job +0/5 \(5/5 completed\)' "$(d service ls --filter name=j)"
says 1 'does not have a previous spec' d service rollback -q r
iteration() { service "$1" '{{.JobStatus.JobIteration.Index}}'; }; first=$(iteration j)
code 0 d service update -q -d --force j; until_true completed j 5; [ "$first" != "$(iteration j)" ] || fail 'the same run'; d service rm r j >/dev/null; unset by

step='drain under load'
code 0 d service create -q --name load --replicas 5 $quick --no-resolve-image busybox sleep 1000; until_true runs load 5
d node update --availability drain "${id[4]}" >/dev/null; low=9
for _ in $(seq 20); do n=$(d service ps --format '{{.CurrentState}}' load | grep -c '^Running'); [ "$n" -lt "$low" ] && low=$n; done
ours && [ "$low" -lt 5 ] && fail "only $low of 5 ran"; until_true runs load 5
code 0 d node update --availability active "${id[4]}"; d service rm load >/dev/null

step='secrets and configs'
printf 'hush' | on 1 docker secret create --label kind=key key - >"$dir/secret" || fail 'secret create'; like '^[0-9a-z]{25}$' "$(<"$dir/secret")"
echo 'who {{.Service.Name}}' >"$dir/config"; code 0 d config create --template-driver golang conf "$dir/config"; code 0 d config create plain "$dir/config"
says 1 'already exists' d secret create key "$dir/config"; says 1 'already exists' d config create conf "$dir/config"
says 1 'no such file' d secret create other "$dir/none"; head -c 600000 /dev/zero >"$dir/big"; says 1 'secret data must be (at most|between|less|larger)|500' d secret create big "$dir/big"
head -c 1100000 /dev/zero >"$dir/big"; says 1 'config data must be|1000' d config create big "$dir/big"
equal key "$(d secret ls --filter label=kind=key --format '{{.Name}}')"; equal 'conf plain' "$(d config ls --format '{{.Name}}' | sort | xargs)"; like 'ID +NAME +DRIVER' "$(d secret ls)"
hidden hush "$(d secret inspect key)"; has "$(base64 <<<'who {{.Service.Name}}')" "$(d config inspect plain)"; like 'who' "$(d config inspect --pretty plain)"; like 'Labels:.*kind=key' "$(d secret inspect --pretty key | tr '\n' ' ')"
says 1 'not found|no such' d secret inspect nothing; says 1 'not found|no such' d config rm nothing
code 0 d service create -q --name s --replicas 1 $quick --user nobody --secret source=key,target=opened,mode=0440,uid=65534 --secret key --config source=conf,target=/etc/conf --config plain --no-resolve-image busybox sleep 1000
equal hush "$(inside s cat /run/secrets/key)"; equal 'hush 440 65534' "$(inside s sh -c 'echo $(cat /run/secrets/opened) $(stat -c "%a %u" /run/secrets/opened)')"
equal 'who s' "$(inside s cat /etc/conf)"; equal 'who {{.Service.Name}}' "$(inside s cat /plain)"; inside s sh -c 'mount' | grep -q 'tmpfs on /run/secrets' || fail 'not in memory'
for m in 1 2 3 4 5; do for c in $(on $m docker ps -q); do hidden hush "$(on $m docker inspect "$c")"; done; done
says 1 "secret 'key' is in use by the following service: s" d secret rm key; says 1 "config 'conf' is in use by the following service: s" d config rm conf
code 0 d service update -q --secret-rm key --secret-rm opened --config-rm conf s; inside s ls /run/secrets/key 2>/dev/null && fail 'the secret is still there'
d service rm s >/dev/null; code 0 d secret rm key; equal key "$out"; code 0 d config rm conf plain; until_true count 0 everywhere

step=events
told() { d events --since 2020-01-01 --until 0s --filter scope=swarm --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{index .Actor.Attributes "replicas.new"}}' | grep -q "^$*"; }
code 0 d config create told "$dir/config"; until_true told config create told; code 0 d config rm told; until_true told config remove told
code 0 d service create -q -d --name e --replicas 0 --no-resolve-image busybox sleep 1000; until_true told service create e
code 0 d service scale -d e=1; until_true told service update e 1; code 0 d service rm e; until_true told service remove e
code 0 d node update --label-add seen=yes "${id[5]}"; until_true told node update; until_true count 0 everywhere

step=logs
code 0 d service create -q --name l --replicas 2 $quick --no-resolve-image busybox sh -c 'echo out; echo err >&2; sleep 1000'
until_true is '2 2' eval 'echo $(d service logs l 2>/dev/null | grep -c "| out") $(d service logs l 2>&1 >/dev/null | grep -c "| err")'
like '^l\.[12]\.[0-9a-z]{12}@.+ +\| out$' "$(d service logs l 2>/dev/null | head -1)"; equal 2 "$(d service logs --tail 1 l 2>&1 | wc -l)"; equal out "$(d service logs --raw "$(running l | head -1)" 2>/dev/null)"
like '^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*Z? *l\.' "$(d service logs -t l 2>/dev/null | head -1)"; equal '' "$(d service logs --since 2100-01-01 l 2>/dev/null)"
DOCKER_HOST=unix://${sockets[2]} timeout 60 docker service logs -f --no-task-ids --no-resolve --no-trunc --details l >"$dir/log" 2>&1 & follower=$!
until_true is 4 grep -c ' \(out\|err\)$' "$dir/log"; kill $follower; wait $follower 2>/dev/null
says 1 'no such task or service: nobody|no such service' d service logs nobody; d service rm l >/dev/null

step='tasks and why they wait'
code 0 d service create -q -d --name w --replicas 1 --constraint node.labels.moon==yes --no-resolve-image busybox sleep 1000
waits() { d service ps --no-trunc --format '{{.CurrentState}} {{.Error}}' w | grep -q 'no suitable node (scheduling constraints not satisfied on 5 nodes)'; }
until_true waits; t=$(d service ps -q --no-trunc w); equal pending "$(d inspect --type task -f '{{.Status.State}}' "$t")"
code 0 d node update --label-add moon=yes "${id[3]}"; until_true runs w 1; equal "${id[3]}" "$(node_of "$t")"
code 0 d service update -q -d --image no/such:image w; broken() { d service ps --no-trunc --format '{{.Error}}' w | grep -qi 'no such image\|not found\|pull\|lookup\|dial'; }; until_true broken
like 'w\.1.*busybox' "$(d service ps w)"; has "${t:0:12}" "$(d service ps -q --filter node="${id[3]}" --filter name=w.1 --filter desired-state=shutdown w)"
d service rm w >/dev/null; until_true count 0 everywhere

step=network
code 0 d network create -d overlay --subnet 10.70.0.0/24 front; code 0 d service create -q --name n --network name=front,alias=other --replicas 3 $quick --no-resolve-image busybox sleep 1000
like '10.70.0' "$(inside n ip -4 addr show eth0)"; has 10.70.0 "$(inside n nslookup other 2>/dev/null)"; says 1 'in use by' d network rm front
d service rm n >/dev/null; until_true count 0 everywhere; code 0 d network rm front

# What has no counterpart in `shoal` yet: the loader of stacks is the client's own.
if ! ours; then
    step=stack
    printf 'stacked' >"$dir/stacked"
    {
        printf 'version: "3.8"\nnetworks: {inner: {driver: overlay, attachable: true}}\nsecrets: {pass: {file: %s}}\nconfigs: {page: {file: %s}}\nservices:\n' "$dir/stacked" "$dir/config"
        for n in $(seq 9); do
            printf '  s%s:\n    image: busybox:latest\n    command: sleep 1000\n    stop_grace_period: 1s\n    networks: [inner, default]\n    secrets: [pass]\n    configs: [{source: page, target: /page}]\n    deploy: {replicas: %s, labels: {part: "%s"}, update_config: {parallelism: 0, monitor: 300ms}}\n' "$n" "$((n % 2 + 1))" "$n"
        done
        printf '  all:\n    image: busybox:latest\n    command: sleep 1000\n    stop_grace_period: 1s\n    deploy: {mode: global}\n'
    } >"$dir/stack.yml"
    code 0 docker stack config -c "$dir/stack.yml"
    code 0 d stack deploy --detach=true --resolve-image never -c "$dir/stack.yml" shop; like 'Creating service shop_s9' "$out"
    settled() { [ 10 = "$(d stack services --format '{{.Replicas}}' shop | grep -c '^\([0-9]*\)/\1$')" ]; }
    until_true settled; equal 'shop 10' "$(d stack ls --format '{{.Name}} {{.Services}}')"; equal 19 "$(d stack ps -q --filter desired-state=running shop | wc -l)"
    equal 'stacked who {{.Service.Name}}' "$(inside shop_s1 sh -c 'echo $(cat /run/secrets/pass) $(cat /page)')"; like '10\.' "$(inside shop_s2 nslookup s2 2>/dev/null | tail -4)"
    before=$(d service ps -q --no-trunc shop_s2)
    sed -i 's/part: "1"/part: "one"/; s/sleep 1000/sleep 2000/' "$dir/stack.yml"
    code 0 d stack deploy --detach=true --resolve-image never -c "$dir/stack.yml" shop; like 'Updating service shop_s1 ' "$out"; until_true settled
    equal one "$(service shop_s1 '{{.Spec.Labels.part}}')"; until_true is completed states shop_s2
    sed -i '/^  s9:/,/update_config/d' "$dir/stack.yml"; code 0 d stack deploy --detach=true --prune --resolve-image never -c "$dir/stack.yml" shop
    equal 9 "$(d stack services -q shop | wc -l)"; says 1 'nothing found in stack: nobody' d stack ps nobody
    code 0 d stack rm shop; until_true count 0 everywhere; equal '' "$(d secret ls -q)$(d config ls -q)"
    # A machine has such a network for a moment longer than its containers.
    until_true count 0 d network ls -q --filter driver=overlay --filter name=shop
fi

step=leave
equal '' "$(d service ls -q)"; for m in 2 3 4 5; do on $m docker swarm leave --force >/dev/null; done; code 0 on 1 docker swarm leave --force
if [ "$failed" != 0 ]; then echo "$failed checks failed"; exit 1; fi
