"""A server on this machine that speaks S3, a line to it that can be cut, and a small study."""

import csv
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import s3fs
import yaml
from moto.server import ThreadedMotoServer

PROJECT = Path(__file__).parents[2]
KEY, SECRET = "an-access-key-id", "a-secret-access-key"
STUDY = {
    "parameters_protocol": {
        "networks": {"mlp": {"hidden_units": [16]}},
        "protocol": {
            "batch_size": 32,
            "epochs": 2,
            "seeds": [1, 2],
        },
    },
    "parameters_techniques": {
        "techniques": {  # all but baseline and dropout are left out
            **dict.fromkeys(("l1", "l2", "augmentation", "zca", "zca_dropout")),
            **dict.fromkeys(("early_stopping", "batch_normalization", "dropout_augmentation")),
        }
    },
    "parameters_evaluation": {"evaluation": {"robustness_images": 20}},
}

Kedro = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def store(options: dict[str, object]) -> s3fs.S3FileSystem:
    """The server as the tests look at it."""
    return s3fs.S3FileSystem(**options, use_listings_cache=False)


@pytest.fixture(scope="session")
def options(endpoint: str) -> dict[str, object]:
    """What ``conf/local/credentials.yml`` holds under ``s3``."""
    return {"key": KEY, "secret": SECRET, "client_kwargs": {"endpoint_url": endpoint}}


@pytest.fixture
def bucket(store: s3fs.S3FileSystem, request: pytest.FixtureRequest) -> str:
    """An empty bucket of the test's own."""
    name = f"b{abs(hash(request.node.name)):x}"
    store.mkdir(name)
    return name


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 200 labelled digits and 5 unlabelled ones."""
    root = tmp_path_factory.mktemp("small") / "set"
    with zipfile.ZipFile(PROJECT / "data/01_raw/digits.zip") as digits:
        for table, folder, count in (("Train/train.csv", "train", 200), ("Test.csv", "test", 5)):
            rows = list(csv.reader(io.StringIO(digits.read(table).decode())))[: count + 1]
            (root / "Train/Images" / folder).mkdir(parents=True)
            with (root / table).open("w", newline="") as file:
                csv.writer(file).writerows(rows)
            for name, *_ in rows[1:]:
                member = f"Train/Images/{folder}/{name}"
                (root / member).write_bytes(digits.read(member))
    return root


@pytest.fixture(scope="session")
def small_zip(small_set: Path) -> Path:
    """The same as a zip."""
    return Path(shutil.make_archive(str(small_set), "zip", small_set))


@pytest.fixture(scope="session")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a small study: two techniques, two seeds."""
    folder = tmp_path_factory.mktemp("conf") / "conf"
    shutil.copytree(PROJECT / "conf", folder, ignore=shutil.ignore_patterns("local"))
    (folder / "local").mkdir()
    for name, content in STUDY.items():
        (folder / "local" / f"{name}.yml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def kedro(conf: Path, endpoint: str, tmp_path: Path) -> Kedro:
    """Run ``kedro run`` as on a machine of its own: ``cache`` is that machine's."""

    def run(
        *arguments: str,
        cache: str = "cache",
        conf: Path = conf,
        endpoint: str = endpoint,
        retry: int = 20,
        with_credentials: bool = True,
        **params: object,
    ) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
            "REGBENCH_CACHE": str(tmp_path / cache),
            "REGBENCH_RETRY_SECONDS": str(retry),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if with_credentials:
            environment |= {
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_ENDPOINT_URL": endpoint,
            }
        given = ",".join(f"{name}={value}" for name, value in params.items())
        done = subprocess.run(
            [sys.executable, "-m", "kedro", "run", f"--conf-source={conf}", *arguments]
            + ([f"--params={given}"] if given else []),
            check=False,
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


class Line:
    """A line to a server that can be cut: for good, or when certain bytes pass.

    Attributes:
        address: What to connect to in the server's place.
        cuts: How often it was cut.
    """

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._cut_at: bytes | None = None
        self.is_cut = threading.Event()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections and let no new one through."""
        self.cuts += 1
        self.is_cut.set()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def cut_at(self, passing: bytes) -> None:
        """Cut when these bytes are sent by either side; some of what follows is lost."""
        self._cut_at = passing

    def mend(self) -> None:
        """Let connections through again."""
        self._cut_at = None
        self.is_cut.clear()

    def close(self) -> None:
        """End."""
        self.cut()
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if self.is_cut.is_set():
                near.close()
                continue
            far = socket.create_connection(self._server)
            self._open += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 12):
                if self._cut_at and self._cut_at in data:
                    target.sendall(data[: len(data) // 2])
                    self.cut()
                    return
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(endpoint: str) -> Iterator[Line]:
    made = Line(endpoint)
    yield made
    made.close()
