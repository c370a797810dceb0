#!/bin/bash
# Containers on one machine, as with plain Docker.
bip=172.28.1.1/24
. "$(dirname "$0")/daemon.sh"

daemon one
show one load -i "$image"
show one run -d --name web -p 127.0.0.1::80 shoal/hello-http
address=$(on one port web 80/tcp | head -1)
eventually "the page answers" bash -c "exec 3<>/dev/tcp/${address/://}"
exec 3<>"/dev/tcp/${address/://}"
printf 'GET / HTTP/1.0\r\n\r\n' >&3
echo; echo "http://$address/ answers: $(tail -n 1 <&3)"
show one ps
show one logs web
show one stop web
show one rm web
