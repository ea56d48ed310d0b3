"""A real S3 client against a server of this machine; skipped where s3fs and `moto[server]` are not installed."""

import pytest

from adtool.core import urls
from adtool.core.errors import MissingInputError
from adtool.core.remote import mirrors

pytest.importorskip("s3fs")
servers = pytest.importorskip("moto.server")


@pytest.fixture
def bucket(monkeypatch):
    """`s3://pictures`, with a way to put files there."""
    import s3fs

    server = servers.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("pictures")
    yield lambda name, data: system.pipe_file(f"pictures/{name}", data)
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.filterwarnings("ignore")  # of the client's and the server's own
def test_a_bucket_is_mirrored_and_what_changed_there_is_fetched_again(bucket):
    bucket("parts/train/good/0.png", b"a")
    bucket("parts/test/1.png", b"b")
    bucket("others/2.png", b"c")
    folder = mirrors.mirrored("s3://pictures/parts")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")} == {"train/good/0.png", "test/1.png"}
    first = (folder / "train/good/0.png").stat().st_mtime_ns
    bucket("parts/test/1.png", b"d")
    mirrors.mirrored("s3://pictures/parts")
    assert (folder / "test/1.png").read_bytes() == b"d"
    assert (folder / "train/good/0.png").stat().st_mtime_ns == first
    assert urls.shown(folder) == "s3://pictures/parts"
    for nothing in ("s3://pictures/nothing", "s3://nobucket/parts"):
        with pytest.raises(MissingInputError, match="no such bucket or folder"):
            mirrors.mirrored(nothing)
