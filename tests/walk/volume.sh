# A walk over every volume command and every kind of mount of the `docker` client: exit code and what can be seen afterwards.
#
# DOCKER_HOST says which daemon; it must have an image `busybox`, no containers and no volumes. Steps that only shoal has are
# walked where `docker volume export` is known.

# in_run FLAG… -- LINE: what a shell in a container with these flags prints.
in_run() {
    local flags=()
    while [ "$1" != -- ]; do flags+=("$1"); shift; done
    docker run --rm "${flags[@]}" busybox sh -c "$2" 2>&1
}
# status METHOD PATH [BODY]: the status of a request.
status() {
    curl -s -o /tmp/walk.$$.body -w '%{http_code}' -X "$1" --unix-socket "${DOCKER_HOST#unix://}" \
        ${3+-H 'Content-Type: application/json' -d "$3"} "http://docker$2"
}
inspect() { docker volume inspect -f "$2" "$1"; }
dir=$(mktemp -d /tmp/walk.$$.XXXX)
cleanup() {
    docker rm -fv $(docker ps -aq) >/dev/null 2>&1
    docker volume rm -f $(docker volume ls -q) >/dev/null 2>&1
    umount "$dir/below" 2>/dev/null
    rm -rf /tmp/walk.$$.*
}
trap cleanup EXIT

step=create
code 0 docker volume create data; equal data "$out"
code 0 docker volume create data; equal data "$out"
code 0 docker volume create --driver local --label a=1 --label b labelled; equal labelled "$out"
equal '1 local local' "$(inspect labelled '{{.Labels.a}} {{.Driver}} {{.Scope}}')"
code 0 docker volume create; like '^[0-9a-f]{64}$' "$out"; own=$out
code 1 docker volume create -d nosuch other; like 'plugin "nosuch" not found' "$err"
code 1 docker volume create 'not/valid'; like 'includes invalid characters for a local volume name, only "\[a-zA-Z0-9\]\[a-zA-Z0-9_.-\]" are allowed' "$err"
code 1 docker volume create a; like 'volume name is too short' "$err"
code 1 docker volume create -o foo=bar other; like 'invalid option: "foo"' "$err"
code 1 docker volume create -o type=tmpfs other; like 'missing required option: "device"' "$err"
code 1 docker volume create -o size=nonsense other; like 'invalid size' "$err"
equal 400 "$(status POST /volumes/create '{"Name":"no/name"}')"
equal 404 "$(status POST /volumes/create '{"Name":"other","Driver":"nosuch"}')"
equal 400 "$(status POST /volumes/create '{"Name":"other","DriverOpts":{"foo":"x"}}')"
equal 201 "$(status POST /volumes/create '{"Name":"data"}')"
equal '' "$(docker volume ls -q -f name=other)"

step=ls
equal "data labelled" "$(docker volume ls -q | grep -v "$own" | xargs)"
equal labelled "$(docker volume ls -q --filter label=a=1)"
equal labelled "$(docker volume ls -q --filter label=b)"
equal data "$(docker volume ls -q --filter name=dat)"
equal 'local data' "$(docker volume ls --filter name=data --format '{{.Driver}} {{.Name}}')"
equal '' "$(docker volume ls -q --filter driver=other)"
equal 3 "$(docker volume ls -q --filter driver=local --filter dangling=true | wc -l)"
like 'DRIVER +VOLUME NAME' "$(docker volume ls | head -1)"
like '"Name":"data"' "$(docker volume ls --format json --filter name=data)"
code 1 docker volume ls --filter nonsense=1; like 'nvalid filter' "$err"
equal 400 "$(status GET '/volumes?filters=%7B%22nonsense%22%3A%5B%22a%22%5D%7D')"

step=inspect
like '/data/_data$' "$(inspect data '{{.Mountpoint}}')"
like '^20[0-9-]+T' "$(inspect data '{{.CreatedAt}}')"
code 1 docker volume inspect nobody; like 'get nobody: no such volume' "$err"
equal 404 "$(status GET /volumes/nobody)"
code 0 docker volume inspect data labelled; like '"Name": "labelled"' "$out"

step=update
code 1 docker volume update --availability drain data; like 'can only update cluster volumes' "$err"
code 1 docker volume update nobody; like 'no such volume' "$err"
equal 503 "$(status PUT /volumes/data?version=1 '{"Spec":{"Availability":"drain"}}')"
like 'volume update only valid for cluster volumes, but swarm is unavailable' "$(</tmp/walk.$$.body)"

step=use
in_run -v data:/data -- 'echo kept > /data/file'
equal kept "$(in_run -v data:/other:ro -- 'cat /other/file')"
like 'Read-only' "$(in_run -v data:/other:ro -- 'touch /other/x')"
code 0 docker create --name user -v data:/data -v /anonymous busybox
code 1 docker volume rm data; like 'remove data: volume is in use - \[[0-9a-f]{64}\]' "$err"
equal 409 "$(status DELETE /volumes/data)"; equal 409 "$(status DELETE '/volumes/data?force=1')"
equal data "$(docker volume ls -q --filter dangling=false --filter name=data)"
like "volume data .*/data true" "$(docker inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Source}} {{.Destination}} {{.RW}} {{end}}' user)"
equal user "$(docker ps -a --filter volume=data --format '{{.Names}}')"
like 'data +1 +' "$(docker system df -v | grep -E '^data ')"
like 'labelled +0 +' "$(docker system df -v | grep -E '^labelled ')"
code 0 docker rm -v user; equal 3 "$(docker volume ls -q | wc -l)"

step=filled
in_run -v filled:/etc -- true; like passwd "$(in_run -v filled:/x -- 'ls /x')"
in_run -v data:/etc -- true; equal file "$(in_run -v data:/x -- 'ls /x')"
equal '' "$(in_run -v empty:/etc:nocopy -- true; in_run -v empty:/x:nocopy -- 'ls /x')"
equal '' "$(in_run --mount type=volume,src=empty,dst=/etc,volume-nocopy -- true; in_run -v empty:/x:nocopy -- 'ls /x')"

step=mount-volume
in_run --mount type=volume,src=data,dst=/d,volume-label=x=y -- 'mkdir -p /d/in && echo deep > /d/in/file && ln -s /etc /d/out'
equal deep "$(in_run --mount type=volume,src=data,dst=/s,volume-subpath=in,readonly -- 'cat /s/file')"
code 127 docker run --rm --mount type=volume,src=data,dst=/s,volume-subpath=missing busybox true
like 'cannot access path .*/missing' "$err"
code 125 docker run --rm --mount type=volume,src=data,dst=/s,volume-subpath=../x busybox true
in_run --mount type=volume,src=made,dst=/d,volume-label=x=y,volume-driver=local -- true
equal y "$(inspect made '{{.Labels.x}}')"
in_run --mount type=volume,src=opted,dst=/d,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m -- true
equal tmpfs "$(inspect opted '{{.Options.type}}')"
code 125 docker run --rm --mount type=volume,src=other,dst=/d,volume-driver=nosuch busybox true
like 'plugin "nosuch" not found' "$err"
code 125 docker run --rm -v data:/d:shared busybox true; like 'invalid' "$err"
code 125 docker run --rm -v data:/d -v labelled:/d busybox true; like 'Duplicate mount point: /d' "$err"

step=bind
mkdir "$dir/bound"; echo there > "$dir/bound/file"
equal there "$(in_run -v "$dir/bound:/b" -- 'cat /b/file')"
like 'Read-only' "$(in_run -v "$dir/bound:/b:ro,z" -- 'touch /b/x')"
in_run -v "$dir/made:/b:Z" -- 'touch /b/x'; equal x "$(ls "$dir/made")"
equal there "$(in_run --mount "type=bind,src=$dir/bound,dst=/b,bind-propagation=rslave" -- 'cat /b/file')"
code 125 docker run --rm --mount "type=bind,src=$dir/nothing,dst=/b" busybox true
like 'bind source path does not exist: ' "$err"
code 125 docker run --rm --mount "type=bind,src=$dir/bound,dst=/b,bind-propagation=nonsense" busybox true
equal 201 "$(status POST '/containers/create?name=cm' "{\"Image\":\"busybox\",\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"$dir/create\",\"Target\":\"/b\",\"BindOptions\":{\"CreateMountpoint\":true}}]}}")"
code 0 docker start cm; [ -d "$dir/create" ] || fail "the source was not made"
mkdir "$dir/below"; mount -t tmpfs tmpfs "$dir/below"; touch "$dir/below/file"
equal file "$(in_run -v "$dir:/b" -- 'ls /b/below')"
equal '' "$(in_run --mount "type=bind,src=$dir,dst=/b,bind-recursive=disabled" -- 'ls /b/below')"
like 'Read-only' "$(in_run --mount "type=bind,src=$dir,dst=/b,readonly" -- 'touch /b/below/x')"
equal '' "$(in_run --mount "type=bind,src=$dir,dst=/b,readonly,bind-recursive=writable" -- 'touch /b/below/x')"
umount "$dir/below"

step=tmpfs
like 'tmpfs.*size=1024k.*mode=700' "$(in_run --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700 -- 'grep " /t " /proc/mounts')"
like 'rw,nosuid,nodev,noexec.* - tmpfs|tmpfs /t tmpfs rw,nosuid,nodev,noexec' "$(in_run --tmpfs /t -- 'grep " /t " /proc/mounts')"
code 125 docker run --rm --tmpfs /t:nonsense busybox true; like 'invalid tmpfs option' "$err"
equal 201 "$(status POST '/containers/create?name=tm' '{"Image":"busybox","Cmd":["grep"," /t ","/proc/mounts"],"HostConfig":{"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":65536,"Options":[["exec"],["uid","5"]]}}]}}')"
code 0 docker start -a tm; like 'size=64k.*uid=5' "$out"; [[ $out =~ noexec ]] && fail "exec was asked for: $out"

step=image
docker tag busybox shown
equal busybox "$(in_run --mount type=image,src=shown,dst=/i -- 'ls /i/bin/busybox | xargs basename')"
like 'Read-only' "$(in_run --mount type=image,src=shown,dst=/i -- 'touch /i/x')"
like 'root' "$(in_run --mount type=image,src=shown,dst=/i,image-subpath=etc -- 'cat /i/passwd')"
code 125 docker run --rm --mount type=image,src=nosuch:1,dst=/i busybox true; like 'nosuch:1' "$err"
code 125 docker run --rm --mount type=image,src=shown,dst=/i,image-subpath=../x busybox true
docker create --name shows --mount type=image,src=shown,dst=/i busybox >/dev/null
equal 'image shown /i false' "$(docker inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}' shows)"

step=volumes-from
docker create --name one -v /own -v shared:/shared busybox >/dev/null
docker run --name two --volumes-from one busybox sh -c 'echo x > /own/file; echo y > /shared/file'
equal 'x y' "$(in_run --volumes-from two -- 'cat /own/file /shared/file' | xargs)"
like 'Read-only' "$(in_run --volumes-from two:ro -- 'touch /own/new')"
code 125 docker run --rm --volumes-from nobody busybox true; like 'No such container: nobody' "$err"

step=local
docker volume create -o type=none -o o=bind,ro -o device="$dir/bound" bound >/dev/null
equal there "$(in_run -v bound:/b -- 'cat /b/file')"
like 'Read-only' "$(in_run -v bound:/b -- 'touch /b/new')"
docker volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,uid=7 memory >/dev/null
docker run -d --name first -v memory:/m busybox sleep 1000 >/dev/null
docker exec first sh -c 'echo here > /m/file'
equal 'here 7' "$(in_run -v memory:/n -- 'cat /n/file; stat -c %u /n' | xargs)"
docker rm -f first >/dev/null
equal '' "$(in_run -v memory:/n -- 'ls /n')"
docker volume create -o type=nosuchfs -o device=/dev/null strange >/dev/null
code 125 docker run --rm -v strange:/s busybox true; like 'this kernel has no file system "nosuchfs"' "$err"

step=prune
docker rm -fv $(docker ps -aq) >/dev/null
code 0 docker volume create; loose=$out
code 0 docker volume prune -f; like "$loose" "$out"; like 'Total reclaimed space' "$out"
equal data "$(docker volume ls -q --filter name=data)"
code 0 docker volume prune -f --all --filter label!=a; like 'data' "$out"
equal labelled "$(docker volume ls -q)"
code 1 docker volume prune -f --filter nonsense=1

step=export
if docker volume export --help 2>/dev/null | grep -q archive; then
    docker volume create out >/dev/null
    in_run -v out:/o -- 'mkdir /o/sub; echo deep > /o/sub/file; ln -s /etc/passwd /o/link; chown 5:6 /o; chmod 750 /o'
    code 0 docker volume export -o "$dir/out.tar" out
    equal deep "$(tar -xOf "$dir/out.tar" ./sub/file)"
    equal back "$(docker volume import back "$dir/out.tar")"
    equal '5 750 deep /etc/passwd' "$(in_run -v back:/o -- 'stat -c "%u %a" /o; cat /o/sub/file; readlink /o/link' | xargs)"
    code 1 docker volume import back "$dir/out.tar"; like 'volume is not empty' "$err"
    code 0 docker volume import --merge back "$dir/out.tar"
    equal piped "$(docker volume export out | docker volume import piped -)"
    equal deep "$(in_run -v piped:/o -- 'cat /o/sub/file')"
    code 1 docker volume import 'no/name' "$dir/out.tar"
    echo nonsense > "$dir/broken.tar"
    code 1 docker volume import broken "$dir/broken.tar"; equal '' "$(docker volume ls -q --filter name=broken)"
    code 1 docker volume export nobody; like 'no such volume' "$err"
    docker volume rm out back piped >/dev/null
fi

step=rm
code 0 docker volume rm labelled; equal labelled "$out"
code 1 docker volume rm labelled; like 'get labelled: no such volume' "$err"
code 0 docker volume rm -f labelled
equal 404 "$(status DELETE /volumes/labelled)"; equal 204 "$(status DELETE '/volumes/labelled?force=1')"
code 0 docker volume create a1; code 0 docker volume create a2
code 1 docker volume rm a1 nobody a2; like 'a1.*a2' "$(echo $out)"
equal '' "$(docker volume ls -q)"

[ $failed = 0 ] && echo "volumes: all steps as expected" || { echo "$failed steps failed" >&2; exit 1; }
