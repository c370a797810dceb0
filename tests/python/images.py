"""What people's programs do with images through docker-py, against the daemon that DOCKER_HOST names, which has an image
`busybox`, and the registry that REGISTRY names, which wants no password."""

import io
import os
import tarfile

import docker
from docker.errors import APIError, ImageNotFound

REGISTRY = os.environ["REGISTRY"]


def layer(name, text):
    """A tar of one small file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def pushed(client, repository, tag):
    """Pushes, and gives the digest that the registry has."""
    lines = list(client.images.push(repository, tag=tag, stream=True, decode=True))
    errors = [line for line in lines if "error" in line]
    assert not errors, errors
    digests = [line["aux"]["Digest"] for line in lines if "aux" in line]
    assert len(digests) == 1, lines
    return digests[0]


def to_a_registry_and_back(client):
    repository = f"{REGISTRY}/py/box"
    image = client.images.get("busybox")
    assert image.tag(repository, tag="1")
    digest = pushed(client, repository, "1")
    data = client.images.get_registry_data(f"{repository}:1")
    assert data.id == digest and data.has_platform("linux/amd64"), data.attrs
    image.reload()
    assert f"{repository}@{digest}" in image.attrs["RepoDigests"], image.attrs
    client.images.remove(f"{repository}:1")
    back = client.images.pull(repository, tag="1")
    assert back.id == image.id
    assert client.images.pull(f"{repository}@{digest}").id == image.id
    assert [found.id for found in client.images.pull(repository, all_tags=True)] == [image.id]
    assert client.containers.run(f"{repository}:1", ["echo", "pulled"], remove=True) == b"pulled\n"
    client.images.remove(f"{repository}:1", force=True)


def through_archives(client):
    image = client.images.get("busybox")
    image.tag("py-saved", tag="2")
    image.reload()
    archive = b"".join(image.save(named="py-saved:2"))
    client.images.remove("py-saved:2")
    loaded = client.images.load(archive)
    assert [found.id for found in loaded] == [image.id] and "py-saved:2" in loaded[0].tags, loaded
    client.images.remove("py-saved:2")

    client.api.import_image_from_data(layer("hello", "here"), repository="py-imported", tag="1")
    made = client.images.get("py-imported:1")
    assert made.history()[0]["Size"] > 0
    names = tarfile.open(fileobj=io.BytesIO(b"".join(client.images.get("py-imported:1").save()))).getnames()
    assert "manifest.json" in names and "index.json" in names, names
    client.images.remove("py-imported:1")


def lists_and_ends(client):
    client.api.import_image_from_data(layer("a", "a"), repository="py-a", tag="1")
    client.api.import_image_from_data(layer("a", "b"), repository="py-a", tag="1")
    dangling = client.images.list(filters={"dangling": True})
    assert len(dangling) == 1, dangling
    assert client.images.list(name="py-a")[0].tags == ["py-a:1"]
    pruned = client.images.prune(filters={"dangling": True})
    assert pruned["SpaceReclaimed"] > 0 and pruned["ImagesDeleted"], pruned
    usage = client.df()
    # Since version 1.53 of the API only the newer fields are told.
    total = usage["LayersSize"] if "LayersSize" in usage else usage["ImageUsage"]["TotalSize"]
    assert total > 0, usage
    client.images.remove("py-a:1")
    for wrong in ("py-a:1", "py-none"):
        try:
            client.images.get(wrong)
            raise AssertionError(f"{wrong} was found")
        except ImageNotFound:
            pass
    try:
        client.images.pull(f"{REGISTRY}/py/none", tag="1")
        raise AssertionError("an image that nobody has was pulled")
    except APIError as error:
        assert error.status_code == 404, error


client = docker.from_env()
for step in (to_a_registry_and_back, through_archives, lists_and_ends):
    step(client)
    print(step.__name__, "passed")
