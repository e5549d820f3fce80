import csv
import io

from PIL import Image

from s3d.tui.cast_objects import write_objects


def test_the_objects_are_the_same_in_every_run_and_can_be_previewed(tmp_path):
    contents = []
    for run in ("one", "two"):
        home = tmp_path / run
        write_objects(home)
        files = sorted(path for path in home.rglob("*") if path.is_file())
        contents.append({str(path.relative_to(home)): path.read_bytes() for path in files})
    first, second = contents
    assert first == second
    orders = list(csv.reader(io.StringIO(first["objects/reports/2026/orders.csv"].decode())))
    assert orders[0] == ["id", "city", "state", "total"]
    assert len(orders) == 41
    Image.open(io.BytesIO(first["objects/photos/lake.png"])).load()
