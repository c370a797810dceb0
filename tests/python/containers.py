"""What testcontainers does, against the daemon that DOCKER_HOST names. It has the images `busybox` and `shoal/hello-http`."""

import urllib.request

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy


def web():
    with DockerContainer("shoal/hello-http:latest").with_exposed_ports(80).waiting_for(HttpWaitStrategy(80)) as server:
        address = f"http://{server.get_container_host_ip()}:{server.get_exposed_port(80)}/"
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.status == 200 and answer.read().strip()


def shell():
    container = DockerContainer("busybox").with_command("sh -c 'echo ready; sleep 1000'").with_env("A", "b")
    with container.waiting_for(LogMessageWaitStrategy("ready")) as box:
        code, output = box.exec(["sh", "-c", "echo $A"])
        assert (code, output) == (0, b"b\n")
        out, _ = box.get_logs()
        assert out == b"ready\n"


if __name__ == "__main__":
    for walk in (web, shell):
        walk()
        print(walk.__name__, "ok", flush=True)
