"""What people's programs do with docker-py, against the daemon that DOCKER_HOST names. It has an image `busybox`."""

import io
import tarfile
import threading

import docker
from docker.errors import APIError, ContainerError, NotFound
from docker.types import Healthcheck, LogConfig, Mount, Ulimit


def archive(**files):
    """A tar of small files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def run_and_read(client):
    assert client.ping()
    assert client.containers.run("busybox", ["echo", "hello"], remove=True) == b"hello\n"
    try:
        client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
        raise AssertionError("a failing command raised nothing")
    except ContainerError as error:
        assert error.exit_status == 3 and b"bad" in error.stderr, error


def life(client):
    container = client.containers.run(
        "busybox",
        ["sh", "-c", "echo started; trap 'exit 5' TERM; while :; do sleep 0.1; done"],
        detach=True,
        name="py-life",
        environment={"A": "b"},
        labels={"who": "py"},
        mem_limit="64m",
        nano_cpus=500_000_000,
        ulimits=[Ulimit(name="nofile", soft=70, hard=80)],
        log_config=LogConfig(type="json-file", config={"max-size": "1m"}),
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 1},
        healthcheck=Healthcheck(test=["CMD", "true"], interval=200_000_000),
    )
    assert [each.name for each in client.containers.list(filters={"label": "who=py"})] == ["py-life"]
    for line in container.logs(stream=True, follow=True):
        assert line == b"started\n"
        break
    code, output = container.exec_run(["sh", "-c", "echo $A; exit 4"])
    assert (code, output) == (4, b"b\n"), (code, output)
    code, (out, err) = container.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True)
    assert (out, err) == (b"o\n", b"e\n")
    stats = container.stats(stream=False)
    assert stats["memory_stats"]["limit"] == 64 << 20 and stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    sample = next(container.stats(decode=True))
    assert sample["name"].strip("/") == "py-life"
    assert any("sleep" in " ".join(line) or "sh" in " ".join(line) for line in container.top()["Processes"])
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    container.update(mem_limit="32m", memswap_limit="32m")
    container.rename("py-renamed")
    container.reload()
    assert container.name == "py-renamed" and container.attrs["HostConfig"]["Memory"] == 32 << 20
    container.stop(timeout=5)
    assert container.wait()["StatusCode"] == 5
    container.start()
    container.kill()
    assert container.wait(condition="not-running")["StatusCode"] == 137
    container.remove(v=True)
    try:
        client.containers.get("py-renamed")
        raise AssertionError("a removed container is still there")
    except NotFound:
        pass


def streams(client):
    container = client.containers.create("busybox", ["cat"], stdin_open=True)
    socket = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    socket._sock.sendall(b"through\n")
    head = socket.read(8)
    assert head[0] == 1 and socket.read(head[7]) == b"through\n"
    socket._sock.close()
    socket.close()
    container.remove(force=True)


def files(client):
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    assert container.put_archive("/tmp", archive(one="first"))
    stream, stat = container.get_archive("/tmp/one")
    assert stat["name"] == "one" and stat["size"] == 5
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        assert tar.extractfile("one").read() == b"first"
    assert {"Path": "/tmp/one", "Kind": 1} in container.diff()
    assert b"".join(container.export())[:4] != b""
    image = container.commit("py/committed", tag="1", changes='CMD ["cat", "/tmp/one"]')
    assert client.containers.run(image.id, remove=True) == b"first"
    container.remove(force=True)
    client.images.remove("py/committed:1")


def volumes(client):
    volume = client.volumes.create("py-volume", labels={"who": "py"})
    mount = Mount("/data", "py-volume")
    client.containers.run("busybox", ["sh", "-c", "echo kept > /data/file"], mounts=[mount], remove=True)
    kept = client.containers.run("busybox", ["cat", "/data/file"], volumes={"py-volume": {"bind": "/data", "mode": "ro"}}, remove=True)
    assert kept == b"kept\n"
    assert [each.name for each in client.volumes.list(filters={"label": "who=py"})] == ["py-volume"]
    volume.remove()


def events(client):
    seen = []
    started = threading.Event()

    def listen():
        stream = client.events(decode=True, filters={"type": "container"})
        started.set()
        for event in stream:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                stream.close()
                return

    listener = threading.Thread(target=listen)
    listener.start()
    started.wait()
    client.containers.run("busybox", ["true"], remove=True)
    listener.join(timeout=30)
    # Removal by the client: whether it comes before or after `die` is told, these are in order.
    wanted = ["create", "start", "die", "destroy"]
    assert [action for action in seen if action in wanted] == wanted, seen


def errors(client):
    for wrong, code in ((lambda: client.containers.get("nobody"), 404), (lambda: client.containers.create("no/image"), 404)):
        try:
            wrong()
            raise AssertionError("no error")
        except APIError as error:
            assert error.response.status_code == code, error


if __name__ == "__main__":
    with_client = docker.from_env()
    for walk in (run_and_read, life, streams, files, volumes, events, errors):
        walk(with_client)
        print(walk.__name__, "ok", flush=True)
