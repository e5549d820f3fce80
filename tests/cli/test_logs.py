import json
import subprocess
import sys


def test_the_log_is_shown_by_level_and_source(s3d, serving):
    out = s3d("logs").out
    assert "serving endpoint=" in out
    assert s3d("logs", "--level", "error").out == ""
    line = json.loads(s3d("logs", "--json", "-n", "1", "--source", "app.agent").out)
    assert (line["level"], line["source"]) == ("info", "app.agent")
    assert s3d("logs", "--level", "loud").code == 2


def test_it_is_followed_until_somebody_stops_it(s3d, bucket, tmp_path):
    command = [sys.executable, "-m", "s3d", "logs", "-f", "-n", "1", "--source", "transfers"]
    with subprocess.Popen(command, env=s3d.env, stdout=subprocess.PIPE, text=True) as process:
        s3d("cp", f"s3://{bucket}/nothing", str(tmp_path / "d"))
        assert process.stdout is not None
        assert "transfer failed" in process.stdout.readline()
        process.terminate()
