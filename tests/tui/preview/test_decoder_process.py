import io
import resource
import signal
import subprocess
import sys

import msgspec
import pytest

from s3d.tui.preview.decode import TooSlow, cpu_limit, raise_too_slow
from s3d.tui.preview.decoder_process import answer, frame, serve
from s3d.tui.preview.drawing import Drawing
from s3d.tui.preview.object_parts import DecodeRequest, Part


def request(key, data, **options):
    return msgspec.msgpack.encode(DecodeRequest(key, len(data), [Part(0, data)], **options))


def replies(data):
    while data:
        size = int.from_bytes(data[:4], "big")
        yield msgspec.msgpack.decode(data[4 : 4 + size], type=Drawing)
        data = data[4 + size :]


def test_requests_are_answered_one_after_another():
    source = io.BytesIO(frame(request("a.json", b"[1]")) + frame(request("a.txt", b"text")))
    target = io.BytesIO()
    serve(source, target)
    assert [drawing.kind for drawing in replies(target.getvalue())] == ["JSON", "text"]


def test_what_cannot_be_understood_is_a_drawing_too():
    drawing = msgspec.msgpack.decode(answer(b"\xc1"), type=Drawing)
    assert drawing.notes == ["cannot decode it: DecodeError"]


def test_the_process_has_limits_and_loads_no_terminal_library():
    """What it loads decides how soon the first preview is there."""
    script = (
        "import sys, resource\n"
        "from s3d.tui.preview.decoder_process import limit_resources\n"
        "limit_resources()\n"
        "limit = resource.getrlimit\n"
        "print(limit(resource.RLIMIT_AS)[0], limit(resource.RLIMIT_FSIZE)[0])\n"
        "print(sorted({'textual', 'asyncio', 'aiohttp', 'pyarrow', 'PIL'} & set(sys.modules)))\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == [f"{2 << 30} 0", "[]"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0


@pytest.fixture
def limited():
    before = signal.signal(signal.SIGPROF, raise_too_slow)
    yield
    signal.signal(signal.SIGPROF, before)


def test_a_decoder_is_stopped_after_its_cpu_time(limited):
    def decode():
        with cpu_limit(0.05):
            while True:
                pass

    with pytest.raises(TooSlow):
        decode()
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_what_is_too_slow_is_drawn_as_text(limited):
    data = b"x = [1, 2, 3]  # comment\n" * 9_000
    message = request("a.py", data, seconds=0.01)
    drawing = msgspec.msgpack.decode(answer(message), type=Drawing)
    assert drawing.kind == "text"
    assert drawing.notes == ["too large to decode in the time for a preview"]
    assert drawing.lines[0].text == "x = [1, 2, 3]  # comment"
