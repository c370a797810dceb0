# A walk over every container command of the `docker` client: exit code and what can be seen afterwards.
#
# DOCKER_HOST says which daemon; it must have an image `busybox` and no containers. `bash <(cat words.sh container.sh)` runs the whole
# walk against any daemon that speaks the API, so that what it expects can be checked against Docker's own.

inspect() { docker inspect -f "$2" "$1"; }
state() { inspect "$1" '{{.State.Status}}'; }
is_state() { [ "$(state "$1")" = "$2" ]; }
cleanup() { kill $listener 2>/dev/null; docker rm -fv $(docker ps -aq) >/dev/null 2>&1; rm -rf /tmp/walk.$$.*; }
trap cleanup EXIT
dir=$(mktemp -d /tmp/walk.$$.XXXX)
docker events --since "$(date +%s)" --filter container=one --format '{{.Action}}' > "$dir/events" & listener=$!

step=create
code 0 docker create --name one -e A=b -l key=value --hostname box -w /tmp busybox sh -c 'echo hello; echo oops >&2; sleep 1000'
like '^[0-9a-f]{64}$' "$out"
equal created "$(state one)"
equal '[A=b]' "$(inspect one '{{.Config.Env}}' | sed 's/ PATH=[^]]*//')"
code 1 docker create --name one busybox
like 'Conflict. The container name "/one" is already in use' "$err"
code 1 docker create no/such:image
code 125 docker run --name 'not valid!' busybox
like 'Invalid container name' "$err"

step=start
code 0 docker start one; equal one "$out"; equal running "$(state one)"
code 0 docker start one
code 1 docker start nobody; like 'No such container: nobody' "$err"
code 7 docker start -a "$(docker create busybox sh -c 'echo attached; exit 7')"
equal attached "$out"

step=exec
code 0 docker exec one hostname; equal box "$out"
code 0 docker exec -e X=y -w /root one sh -c 'echo $X $PWD $A'; equal 'y /root b' "$out"
code 0 docker exec -u nobody one id -un; equal nobody "$out"
code 3 docker exec one sh -c 'exit 3'
code 127 docker exec one no-such-program
code 126 docker exec one /etc
equal 5 "$(printf 12345 | docker exec -i one wc -c)"
code 0 docker exec -d one touch /tmp/detached; until_true docker exec one test -e /tmp/detached
equal "$(grep CapBnd /proc/self/status | cut -f2)" "$(docker exec --privileged one grep CapEff /proc/self/status | cut -f2)"
like 'CapInh:.*0000000000000000' "$(docker exec one grep CapInh /proc/self/status)"
like '/dev/pts/' "$(script -qec 'docker exec -it one tty' /dev/null </dev/null)"
code 1 docker exec nobody true; like 'No such container' "$err"

step=logs
until_true sh -c 'docker logs one | grep -q hello'
equal hello "$(docker logs one 2>/dev/null)"; equal oops "$(docker logs one 2>&1 >/dev/null)"
like '^20[0-9-]+T[0-9:.]+Z hello$' "$(docker logs -t one 2>/dev/null)"
docker run -d --name lines busybox sh -c 'i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; done' >/dev/null
docker wait lines >/dev/null
equal '99 100' "$(docker logs -n 2 lines | xargs)"
equal 100 "$(docker logs -f lines | wc -l)"
equal 0 "$(docker logs --since 1h --until 30m lines | wc -l)"
equal '' "$(docker logs --since "$(date -u -d '+1 hour' +%FT%TZ)" lines)"
code 0 docker run --name labelled --label a=1 --log-opt labels=a busybox echo x
equal 'a=1 x' "$(docker logs --details labelled)"
code 0 docker run --name unlogged --log-driver none busybox echo x
code 1 docker logs unlogged; like 'does not support reading' "$err"

step=ps
equal one "$(docker ps --format '{{.Names}}')"
equal 'lines' "$(docker ps -a --filter name=^/lines$ --format '{{.Names}}')"
equal 'one' "$(docker ps --filter label=key=value --format '{{.Names}}')"
equal 'lines' "$(docker ps -a --filter exited=0 --filter name=lin --format '{{.Names}}')"
equal '' "$(docker ps -q --filter status=paused)"
like '^[0-9a-f]{64}$' "$(docker ps -q --no-trunc)"
like 'B \(virtual' "$(docker ps -s --filter name=one --format '{{.Size}}')"
code 1 docker ps --filter nonsense=1; like '[Ii]nvalid filter' "$err"

step=inspect
equal '"/one"' "$(docker inspect --format '{{json .Name}}' one)"
equal true "$(inspect one '{{.State.Running}}')"
code 1 docker inspect nothing-there; like 'No such object: nothing-there' "$err"
like '"SizeRootFs"' "$(docker inspect -s one)"

step=top
like 'PID.*CMD' "$(docker top one | head -1)"; like 'sleep 1000' "$(docker top one)"
like 'sleep 1000' "$(docker top one -o pid,cmd)"

step=stats
code 0 docker stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}} {{.CPUPerc}}' one
like '^one [0-9.]+[KM]iB / [0-9.]+GiB [1-9][0-9]* [0-9.]+%$' "$out"
code 1 docker stats --no-stream nobody

step=pause
code 0 docker pause one; equal paused "$(state one)"; like 'Paused' "$(docker ps --format '{{.Status}}')"
code 1 docker pause one; like 'already paused' "$err"
code 1 docker exec one true; like 'is paused' "$err"
code 0 docker unpause one; equal running "$(state one)"
code 1 docker unpause one; like 'is not paused' "$err"

step=cp
echo from-host > "$dir/file"; mkdir -p "$dir/tree/sub"; echo deep > "$dir/tree/sub/deep"; ln -s sub/deep "$dir/tree/link"
code 0 docker cp "$dir/file" one:/tmp/; equal from-host "$(docker exec one cat /tmp/file)"
code 0 docker cp "$dir/tree" one:/tmp/copied; equal deep "$(docker exec one cat /tmp/copied/link)"
code 0 docker cp one:/tmp/copied/. "$dir/back"; equal deep "$(cat "$dir/back/sub/deep")"
code 0 docker cp -L one:/tmp/copied/link "$dir/followed"; equal deep "$(cat "$dir/followed")"
equal deep "$(docker cp one:/tmp/copied/sub - | tar -xO sub/deep)"
tar -C "$dir" -c file | docker cp - one:/root; equal from-host "$(docker exec one cat /root/file)"
code 0 docker cp lines:/etc/passwd "$dir/passwd"; like '^root:' "$(cat "$dir/passwd")"
code 0 docker cp "$dir/file" lines:/stopped; equal from-host "$(docker cp lines:/stopped - | tar -xO)"
code 1 docker cp one:/no/such "$dir/x"; like 'Could not find the file /no/such in container one' "$err"
code 1 docker cp "$dir/file" one:/no/such/dir/

step=diff
docker exec one rm /etc/group; docker exec one sh -c 'echo >> /etc/passwd'
changes=$(docker diff one)
like 'A /tmp/file' "$changes"; like 'D /etc/group' "$changes"; like 'C /etc/passwd' "$changes"; like 'C /etc' "$changes"

step=commit
code 0 docker commit -a me -m why -c 'CMD ["cat","/tmp/file"]' -c 'ENV C=d' one walked:1
like '^sha256:' "$out"
equal from-host "$(docker run --rm walked:1)"
equal 'why me' "$(docker image inspect -f '{{.Comment}} {{.Author}}' walked:1)"
like 'C=d' "$(docker image inspect -f '{{.Config.Env}}' walked:1)"
code 0 docker run --rm walked:1 test ! -e /etc/group

step=export
equal from-host "$(docker export one | tar -xO tmp/file)"
code 0 docker export -o "$dir/all.tar" lines; like 'bin/busybox' "$(tar -tf "$dir/all.tar")"
docker import "$dir/all.tar" walked:2 >/dev/null; code 0 docker run --rm walked:2 /bin/true

step=rename
code 0 docker rename one uno; equal /uno "$(inspect uno '{{.Name}}')"; code 1 docker inspect one
code 1 docker rename uno lines; like 'Conflict' "$err"
docker rename uno one

step=update
code 0 docker update --memory 64m --memory-swap 64m --cpus 0.5 --pids-limit 77 --restart on-failure:3 one
equal '67108864 500000000 77 on-failure' "$(inspect one '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}')"
limit=$(docker exec one sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null')
equal 67108864 "$limit"
code 1 docker update --memory 1k one
docker update --restart no one >/dev/null

step=port
docker run -d --name web -p 127.0.0.1::80 -p 7777:81/udp busybox httpd -f -p 80 >/dev/null
like '^127.0.0.1:[0-9]+$' "$(docker port web 80)"
like '81/udp -> 0.0.0.0:7777' "$(docker port web)"
code 1 docker port web 99; like '[Nn]o public port' "$err"

step=attach
docker run -d --name talk -i busybox sh -c 'read x; echo got $x; exit 4' >/dev/null
got=$(echo word | docker attach talk); equal 4 $?; equal 'got word' "$got"
docker run -dit --name terminal busybox sh >/dev/null
# Its prompt shows that the client is attached. What it is fed by must not end before it, and keeps none of our streams.
typed=$dir/typed; : > "$typed"
feed() { until grep -q '#' "$typed"; do echo; sleep 0.1; done; printf '\x10'; sleep 0.2; printf '\x11'; sleep 10; }
script -qfec 'docker attach terminal' "$typed" < <(feed 2>/dev/null) >/dev/null
equal running "$(state terminal)"
code 1 docker attach lines; like 'cannot attach to a stopped container' "$err"

step=wait
docker run -d --name short busybox sh -c 'sleep 0.3; exit 9' >/dev/null
code 0 docker wait short; equal 9 "$out"
code 0 docker wait short; equal 9 "$out"
code 1 docker wait nobody

step=kill
docker run -d --name trap busybox sh -c 'trap "echo usr1" USR1; trap "exit 5" TERM; while :; do sleep 0.1; done' >/dev/null
sleep 0.5
code 0 docker kill -s USR1 trap; until_true sh -c 'docker logs trap | grep -q usr1'
code 1 docker kill -s NOSUCH trap; like '[Ii]nvalid signal' "$err"
code 0 docker kill trap; until_true is_state trap exited; equal 137 "$(inspect trap '{{.State.ExitCode}}')"
code 1 docker kill trap; like 'is not running' "$err"

step=stop
docker start trap >/dev/null; sleep 0.5
code 0 docker stop -t 5 trap; equal 5 "$(inspect trap '{{.State.ExitCode}}')"
code 0 docker stop trap
docker run -d --name stubborn --stop-timeout 1 busybox sh -c 'trap "" TERM; sleep 1000 & wait; sleep 1000' >/dev/null
code 0 docker stop stubborn; equal 137 "$(inspect stubborn '{{.State.ExitCode}}')"

step=restart
before=$(inspect one '{{.State.Pid}}'); code 0 docker restart -t 0 one
[ "$before" != "$(inspect one '{{.State.Pid}}')" ] || fail 'the same process'
equal running "$(state one)"
docker run -d --name again --restart on-failure:2 busybox false >/dev/null
until_true sh -c '[ "$(docker inspect -f "{{.RestartCount}} {{.State.Status}}" again)" = "2 exited" ]'

step=run
code 0 docker run --rm busybox echo hi; equal hi "$out"
code 42 docker run --rm busybox sh -c 'exit 42'
code 127 docker run --rm busybox no-such; like 'executable file not found in \$PATH' "$err"
code 126 docker run --rm busybox /etc; like 'permission denied|is a directory' "$err"
code 125 docker run --rm --memory 1k busybox true; like 'Minimum memory limit' "$err"
code 125 docker run --rm --no-such-flag busybox
equal 3 "$(printf abc | docker run --rm -i busybox wc -c)"
code 0 docker run --rm --cidfile "$dir/cid" busybox true; like '^[0-9a-f]{64}$' "$(cat "$dir/cid")"
code 0 docker run --rm --init busybox sh -c 'cat /proc/1/comm'; like 'init|tini' "$out"
code 0 docker run --rm --read-only --tmpfs /run:size=1m busybox sh -c 'touch /run/x && ! touch /x 2>/dev/null'
code 0 docker run --rm --user 12:34 --group-add 56 busybox id; like 'uid=12 gid=34 groups=(34,)?56' "$out"
code 0 docker run --rm --cap-drop ALL --cap-add CHOWN busybox grep CapEff /proc/self/status; like '0000000000000001' "$out"
code 0 docker run --rm --ulimit nofile=77:88 busybox sh -c 'ulimit -n'; equal 77 "$out"
code 0 docker run --rm --sysctl kernel.msgmax=5000 busybox cat /proc/sys/kernel/msgmax; equal 5000 "$out"
code 0 docker run --rm --shm-size 2m busybox sh -c 'df -k /dev/shm | tail -1 | awk "{print \$2}"'; equal 2048 "$out"
code 0 docker run --rm --add-host far:10.1.2.3 --dns 9.9.9.9 busybox sh -c 'grep far /etc/hosts; grep nameserver /etc/resolv.conf'
like '10.1.2.3.far' "$out"; like 'nameserver 9.9.9.9' "$out"
echo 'E1=from-file' > "$dir/env"; echo 'l1=from-file' > "$dir/labels"
code 0 docker run --name files --env-file "$dir/env" --label-file "$dir/labels" busybox sh -c 'echo $E1'; equal from-file "$out"
equal from-file "$(inspect files '{{.Config.Labels.l1}}')"
code 0 docker run --rm --network none busybox ip -o link; equal 1 "$(wc -l <<<"$out")"
code 0 docker run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status; like '1$' "$out"
code 0 docker run --rm --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status; like '0$' "$out"
code 0 docker run --rm --privileged busybox sh -c 'test -e /dev/kmsg && grep -c . /proc/self/status >/dev/null'
code 0 docker run --rm --device /dev/null:/dev/nothing:r busybox test -c /dev/nothing
code 0 docker run --rm --pid host busybox test -e "/proc/$$"
code 0 docker run --rm --pids-limit 33 busybox sh -c 'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true'; equal 33 "$out"
code 0 docker run --rm --oom-score-adj 321 busybox cat /proc/self/oom_score_adj; equal 321 "$out"

step=volumes
code 0 docker run --rm -v "$dir:/mnt:ro" busybox sh -c 'cat /mnt/file && ! touch /mnt/x 2>/dev/null'; equal from-host "$out"
code 0 docker run --rm -v walkvol:/etc busybox sh -c 'test -s /etc/passwd && echo kept > /etc/new'
code 0 docker run --rm --mount type=volume,source=walkvol,target=/v,readonly busybox cat /v/new; equal kept "$out"
docker create --name owner -v /data busybox >/dev/null
code 0 docker run --rm --volumes-from owner busybox sh -c 'grep -q " /data " /proc/mounts'
volume=$(inspect owner '{{(index .Mounts 0).Name}}'); like '^[0-9a-f]{64}$' "$volume"
code 1 docker volume rm "$volume"; like 'volume is in use' "$err"
code 0 docker rm -v owner; code 1 docker volume inspect "$volume"
code 0 docker volume rm walkvol

step=health
docker run -d --name sick --health-cmd 'test -e /tmp/well' --health-interval 0.2s --health-retries 2 busybox sleep 1000 >/dev/null
until_true sh -c '[ "$(docker inspect -f "{{.State.Health.Status}}" sick)" = unhealthy ]'
like 'unhealthy' "$(docker ps --filter name=sick --format '{{.Status}}')"
docker exec sick touch /tmp/well
until_true sh -c '[ "$(docker ps -q --filter health=healthy --filter name=sick | wc -l)" = 1 ]'

step=events
kill $listener
for action in create start 'exec_create: hostname' pause unpause rename update kill die stop restart; do
    grep -qxF -- "$action" "$dir/events" || grep -q "^$action" "$dir/events" || fail "no event '$action'"
done

step=rm
code 1 docker rm one; like 'container is running|You cannot remove a running container' "$err"
code 0 docker rm -f one; code 1 docker inspect one
code 1 docker rm nobody; like 'No such container: nobody' "$err"

step=prune
code 0 docker container prune -f; like 'Total reclaimed space' "$out"
code 1 docker inspect lines
equal running "$(state web)"

if [ "$failed" != 0 ]; then echo "$failed checks failed" >&2; exit 1; fi
echo 'the walk is over: everything as it should be'
