import json


def write(alone, text: str):
    folder = alone.home / "home" / "config"
    folder.mkdir(parents=True)
    file = folder / "config.toml"
    file.write_text(text)
    return file


def test_show_tells_every_setting_and_its_origin(alone):
    file = write(alone, 'region = "eu-west-1"\nbuckets = ["one", "two"]\n')
    lines = alone("config", "show", "--origin").out.splitlines()
    texts = {line.rsplit("  # ", 1)[0].strip(): line.rsplit("  # ", 1)[1] for line in lines}
    assert texts['region = "eu-west-1"'] == f"{file}:1"
    assert texts['buckets = ["one","two"]'] == f"{file}:2"
    assert texts['endpoint = "http://127.0.0.1:0"'] == "S3D_ENDPOINT"
    assert texts['auth = "sigv4"'] == "default"
    assert texts["# socket ="] == "default"


def test_show_can_be_used_as_the_file(alone):
    write(alone, 'region = "eu-west-1"\n')
    shown = alone("config", "show").out
    no_file = ("local_dir", "ephemeral", "test")
    lines = [line for line in shown.splitlines() if not line.startswith(no_file)]
    (alone.home / "home" / "config" / "config.toml").write_text("\n".join(lines))
    assert alone("config", "show").out == shown


def test_show_masks_the_secret(alone):
    env = {"S3D_ACCESS_KEY_ID": "mine", "S3D_SECRET_ACCESS_KEY": "0123456789"}
    for arguments in (["show"], ["show", "--json"], ["show", "--origin"], ["check"]):
        assert "0123456789" not in alone("config", *arguments, **env).out
    assert 'secret_access_key = "***"' in alone("config", "show", **env).out


def test_show_json(alone):
    found = {item["setting"]: item for item in json.loads(alone("config", "show", "--json").out)}
    assert found["endpoint"] == {
        "setting": "endpoint",
        "value": "http://127.0.0.1:0",
        "origin": "S3D_ENDPOINT",
        "env": "S3D_ENDPOINT",
    }
    assert found["socket"]["value"] is None


def test_check_tells_all_problems_at_once(alone):
    file = write(alone, 'endpiont = "x"\nauth = "maybe"\n')
    result = alone("config", "check", S3D_REGION="US", S3D_BUKETS="a")
    assert (result.code, result.out) == (2, "")
    *problems, hint = result.err.splitlines()
    assert [line.partition(": ")[2] for line in problems] == [
        f"{file}:1: endpiont: unknown setting; did you mean endpoint?",
        "S3D_BUKETS: unknown variable; did you mean S3D_BUCKETS?",
        f"{file}:2: auth: 'maybe': write sigv4 (requests must be signed) or none (anyone "
        "has full access)",
        "S3D_REGION: 'US': a region is lower-case letters, digits and -, such as us-east-1",
    ]
    assert hint.startswith("  hint: ")


def test_check_of_a_right_one(alone):
    file = write(alone, 'region = "eu-west-1"\n')
    assert alone("config", "check").code == 0
    found = json.loads(alone("config", "check", "--json").out)
    assert found == {"ok": True, "file": str(file), "exists": True, "set": 3}


def test_path(alone):
    assert alone("config", "path").out == f"{alone.home}/home/config/config.toml\n"
