"""Workers: started once, stopped at any moment, started again; what they may take is bounded, and they outlive
nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.model import hostile
from tests.model.hostile import encoded

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.errors import BadPicture, Cancelled
from occlusight.images import process as picture_process
from occlusight.images.process import Failed, Gate, Worker
from occlusight.images.worker import Task
from occlusight.model.picture import PictureLimits, open_picture

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="what a process is doing is looked up under /proc")
TIFF = encoded(Image.new("RGB", (30, 20), (1, 2, 3)), "TIFF")
SLOW = hostile.run_lengths(4000, 4000)
"""More than ten seconds of computing."""


@pytest.fixture
def worker() -> Iterator[Worker]:
    """One that nobody else has."""
    worker = Worker()
    yield worker
    worker.stop()


def decode(worker: Worker, data: bytes, cancelled: Callable[[], bool] | None = None, **limits: float) -> Image.Image:
    task = Task(**{"given": len(data), "memory": 400_000_000, "finished": 100_000_000, "seconds": 4.0, **limits})  # type: ignore[arg-type]
    return worker.decode(task, data, cancelled).image


def pid(worker: Worker) -> int:
    assert worker._process is not None
    return worker._process.pid


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has looked after does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_process_for_all_pictures_without_torch(worker: Worker) -> None:
    assert decode(worker, TIFF).getpixel((29, 19)) == (1, 2, 3)
    first = pid(worker)
    with pytest.raises(Failed):
        decode(worker, TIFF[:-1500])
    assert decode(worker, TIFF).size == (30, 20)
    assert pid(worker) == first
    if sys.platform == "linux":
        assert "torch" not in Path(f"/proc/{first}/maps").read_text()


def test_a_killed_one_is_replaced(worker: Worker) -> None:
    decode(worker, TIFF)
    first = pid(worker)
    os.kill(first, signal.SIGKILL)
    time.sleep(0.1)
    assert decode(worker, TIFF).size == (30, 20)
    assert pid(worker) != first


def test_one_that_is_killed_at_work_gives_an_error(worker: Worker) -> None:
    decode(worker, TIFF)
    threading.Timer(0.2, lambda: os.kill(pid(worker), signal.SIGKILL)).start()
    with pytest.raises(Failed) as caught:
        decode(worker, SLOW)
    assert caught.value.kind == "crash"
    assert decode(worker, TIFF).size == (30, 20)


@LINUX
def test_stopped_on_request(worker: Worker) -> None:
    decode(worker, TIFF)
    first = pid(worker)
    asked = threading.Event()
    threading.Timer(0.3, asked.set).start()
    began = time.perf_counter()
    with pytest.raises(Cancelled):
        decode(worker, SLOW, asked.is_set)
    assert 0.2 < time.perf_counter() - began < 2
    assert not alive(first)
    assert decode(worker, TIFF).size == (30, 20)


def test_stopped_at_the_deadline(worker: Worker) -> None:
    decode(worker, TIFF)
    with pytest.raises(Failed) as caught:
        decode(worker, SLOW, seconds=0.2)
    assert caught.value.kind == "time"
    with pytest.raises(BadPicture, match=r"BMP of 4000x4000 pixels that takes more than the 0\.2 s allowed"):
        open_picture(SLOW, limits=PictureLimits(seconds=0.2))


def test_the_clock_ends_what_the_processor_does_not(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a system cannot limit the seconds of a processor."""
    decode(worker, TIFF)
    monkeypatch.setattr(picture_process, "PATIENCE", 0.001)
    with pytest.raises(Failed) as caught:
        decode(worker, SLOW, seconds=100.0)
    assert caught.value.kind == "time"


@LINUX
def test_memory_is_rationed(worker: Worker) -> None:
    data = hostile.tiff_of_zeros(2000, 2000, 32, 3)
    with pytest.raises(Failed) as caught:
        decode(worker, data, memory=10_000_000)
    assert caught.value.kind == "memory"
    assert decode(worker, data, memory=100_000_000).size == (2000, 2000)


def test_more_pixels_than_were_announced(worker: Worker) -> None:
    with pytest.raises(Failed, match="30x20") as caught:
        decode(worker, TIFF, finished=4 * 30 * 20 - 1)
    assert caught.value.kind == "size"


def test_few_processes_for_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    ready = Worker._ready
    monkeypatch.setattr(Worker, "_ready", lambda self: (started.append(self), ready(self))[1])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: open_picture(TIFF).size, range(40)))
    assert found == [(30, 20)] * 40
    assert len(set(map(id, started))) <= picture_process.WORKERS


def test_the_gate_lets_through_in_order_what_fits_together() -> None:
    gate, order, inside, most = Gate(), list[int](), [0], [0]
    guard = threading.Lock()

    def pass_through(number: int, wanted: int) -> None:
        with gate.through(wanted, 10, None):
            with guard:
                order.append(number)
                inside[0] += min(wanted, 10)
                most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            with guard:
                inside[0] -= min(wanted, 10)

    threads = []
    for number, wanted in enumerate((4, 4, 9, 1, 30, 5, 5)):
        threads.append(threading.Thread(target=pass_through, args=(number, wanted)))
        threads[-1].start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    assert order == sorted(order)
    assert most[0] <= 10
    with gate.through(10, 10, None), pytest.raises(Cancelled), gate.through(1, 10, lambda: True):
        pass


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode("b\xff\u00fc 图\n.tif".encode("latin-1", "ignore") + b"\xff")
    try:
        path.write_bytes(TIFF)
    except OSError:
        pytest.skip("this file system has no such names")
    assert open_picture(path).size == (30, 20)


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_picture(TIFF)
    (tmp_path / "a.tif").write_bytes(TIFF)
    monkeypatch.chdir(tmp_path)  # the worker is elsewhere
    assert open_picture("a.tif").size == (30, 20)


@LINUX
def test_it_dies_with_the_one_who_started_it(tmp_path: Path) -> None:
    """From `python -c`, where a module to be imported again does not exist; killed, so that nothing can be tidied
    up."""
    (tmp_path / "slow.bmp").write_bytes(SLOW)
    code = """if True:
        import os, threading, time
        from occlusight.images import process
        from occlusight.model.picture import PictureLimits, open_picture
        limits = PictureLimits(seconds=0.5)
        threading.Thread(target=lambda: open_picture("slow.bmp", limits=limits), daemon=True).start()
        workers = process.WORKERS_HERE
        while not (found := [w._process for w in workers._all if w._process]):
            time.sleep(0.01)
        time.sleep(0.3)
        print(found[0].pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    left = int(done.stdout)
    began = time.perf_counter()
    while alive(left):
        assert time.perf_counter() - began < 20
        time.sleep(0.02)


def test_a_fork_has_workers_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(TIFF)
    code = """if True:
        import os
        from occlusight.model.picture import open_picture
        open_picture("a.tif")
        child = os.fork()
        sizes = {open_picture("a.tif").size for _ in range(50)}
        assert sizes == {(30, 20)}, sizes
        if child:
            assert os.waitpid(child, 0)[1] == 0
    """
    if hasattr(os, "fork"):
        subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True, timeout=60)


def test_a_request_is_stopped_while_its_picture_is_opened(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.bmp").write_bytes(SLOW)
    Image.new("RGB", (40, 40)).save(tmp_path / "quick.png")
    backend = LocalBackend(tiny_checkpoint)
    asked = threading.Event()
    threading.Timer(0.3, asked.set).start()
    began = time.perf_counter()
    with pytest.raises(Cancelled):
        backend.generate(Request("?", (tmp_path / "slow.bmp",)), asked.is_set)
    assert time.perf_counter() - began < 3
    with pytest.raises(Cancelled):
        backend.generate(Request("?", (tmp_path / "quick.png",)), asked.is_set)
    assert list(backend.generate(Request("?", (tmp_path / "quick.png",), max_tokens=2)))


MEASURE = """if True:
    import os, sys, threading, time
    from occlusight.errors import BadPicture
    from occlusight.model.picture import open_picture
    def held(pid):
        with open(f"/proc/{pid}/status") as lines:
            own = sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        tasks = os.listdir(f"/proc/{pid}/task")
        children = [c for t in tasks for c in open(f"/proc/{pid}/task/{t}/children").read().split()]
        return 1024 * own + sum(held(c) for c in children)
    idle, most = held(os.getpid()), 0
    over = threading.Event()
    def watch():
        global most
        while not over.wait(0.005):
            try:
                most = max(most, held(os.getpid()))
            except OSError:
                pass
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = open_picture(sys.argv[1], reduce_to=int(sys.argv[2]) or None)
        said = f"{found.width}x{found.height}"
    except BadPicture as error:
        said = str(error)
    over.set()
    watcher.join()
    print(most - idle, said)
"""


def photograph(width: int, height: int) -> bytes:
    """A JPEG of a phone's size and quality, on its side."""
    tile = np.random.default_rng(1).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(
        Image.fromarray(tile).resize((width, height), Image.Resampling.BILINEAR), "JPEG", quality=90, exif=exif
    )


HEAVY: dict[str, tuple[Callable[[], bytes], str]] = {
    **{name: (make, "allowed") for name, make in hostile.COSTLY.items()},
    "200 megapixels": (lambda: photograph(16320, 12240), "1530x2040"),
    "80 megapixels of PNG": (lambda: hostile.png(8944, 8944, 8, 2), "x"),
    "16 bits, valid": (lambda: hostile.png(8900, 8900, 16), "x"),
    "floats, valid": (lambda: hostile.tiff_of_zeros(6000, 6000, 32, 3), "x"),
    "WEBP at the limit": (lambda: encoded(Image.new("RGB", (4300, 4300)), "WEBP", lossless=True), "x"),
    "runs of one pixel": (lambda: SLOW, "4 s allowed"),
    "comments": (lambda: hostile.gif(4, 4, comments=100_000), "4 s allowed"),
    "text": (lambda: hostile.png(8, 8, 8, 0, hostile.chunk(b"iTXt", b"k\0\0\0\0\0" + b"a" * 60_000_000)), "8x8"),
    "tags of EXIF": (lambda: encoded(Image.new("L", (8, 5)), "PNG", exif=hostile.exif(60_000, 1 << 20)), "5x8"),
}


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("name", HEAVY)
def test_half_a_gigabyte_and_five_seconds_for_any_picture(name: str, tmp_path: Path) -> None:
    """Memory of the whole tree of processes above what it takes idle; seconds of a processor, of all of them."""
    make, says = HEAVY[name]
    path = tmp_path / "picture"
    path.write_bytes(make())
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), "0" if name in hostile.COSTLY else "1048576"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    after = os.times()
    took, said = done.stdout.split(" ", 1)
    assert says in said
    assert int(took) < 500_000_000
    assert after.children_user - before.children_user < 5.5  # with the start of Python
