"""The files of deploy/ for containers, without a container runtime."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from s3d.agent.app.frontends import GRACE
from s3d.agent.frontends.http.request_reader import Hosts
from s3d.shared.config.load import load_config
from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config
from s3d.shared.text import parse_age
from tests.agent_process import AgentProcess, environment

DEPLOY = Path(__file__).parents[2] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
KUBERNETES = "1.33"
WORKLOADS = ("Pod", "DaemonSet", "Deployment")


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


def containers(file: Path) -> list[dict[str, Any]]:
    """The containers of s3d in a manifest."""
    found = []
    for document in documents(file):
        if document["kind"] in WORKLOADS:
            spec = document["spec"].get("template", document)["spec"]
            found += [
                each
                for each in (*spec.get("initContainers", ()), *spec["containers"])
                if each["name"] == "s3d"
            ]
    return found


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_kubernetes_accepts_a_manifest(file: Path) -> None:
    for document in documents(file):
        validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_s3d_runs_without_root_and_writes_only_its_volume(file: Path) -> None:
    (container,) = containers(file)
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert [mount["name"] for mount in container["volumeMounts"]]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_there_is_time_to_drain_and_to_stop(file: Path) -> None:
    for document in documents(file):
        if document["kind"] in WORKLOADS:
            spec = document["spec"].get("template", document)["spec"]
            (container,) = containers(file)
            command = container["lifecycle"]["preStop"]["exec"]["command"][-1]
            drain = int(re.search(r"--timeout (\d+)s", command)[1])
            flush = environment_of(container, "any").get("S3D_FLUSH_TIMEOUT", "60s")
            stop = 3 * GRACE + parse_age(flush) + 5  # as the agent asks of systemd
            assert drain + stop < spec["terminationGracePeriodSeconds"]


def environment_of(container: dict[str, Any], namespace: str) -> dict[str, str]:
    """The variables of a container, in which Kubernetes replaces those that stand before:
    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/"""
    env: dict[str, str] = {}
    for each in container.get("env", ()):
        field = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        value = namespace if field == "metadata.namespace" else each.get("value", "")
        env[each["name"]] = re.sub(r"\$\((\w+)\)", lambda name: env[name[1]], value)
    return env


@pytest.mark.parametrize("name", ["daemonset", "deployment"])
def test_pods_reach_it_by_each_name_of_its_service_in_any_namespace(name: str) -> None:
    file = DEPLOY / "kubernetes" / f"{name}.yaml"
    (container,) = containers(file)
    (service,) = [each["metadata"]["name"] for each in documents(file) if each["kind"] == "Service"]
    config = load_config(None, environment_of(container, "shop"), {})
    hosts = Hosts("0.0.0.0", config.hosts)
    for suffix in ("", ".shop", ".shop.svc", ".shop.svc.cluster.local"):
        assert hosts.allows(f"{service}{suffix}:33333")
    assert not hosts.allows("s3d.default.svc:33333")


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_kubernetes_does_not_open_the_files_of_a_claim_to_the_group(file: Path) -> None:
    """By default it changes the mode of every file at each start of a pod, and s3d refuses keys
    that others can read: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"""
    for document in documents(file):
        if document["kind"] in WORKLOADS:
            spec = document["spec"].get("template", document)["spec"]
            has_claim = any("persistentVolumeClaim" in each for each in spec["volumes"])
            policy = spec["securityContext"].get("fsGroupChangePolicy")
            assert policy == ("OnRootMismatch" if has_claim else None)


def test_the_services_of_the_compose_file_reach_it_by_its_name() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    settings = {k: v for k, v in services["s3d"]["environment"].items() if k.startswith("S3D_")}
    assert Hosts("0.0.0.0", load_config(None, settings, {}).hosts).allows("s3d:33333")


def test_the_application_of_the_sidecar_writes_to_an_address() -> None:
    """SDKs put the bucket before a name, and a pod has no address for BUCKET.localhost."""
    (pod,) = [
        each for each in documents(DEPLOY / "kubernetes/sidecar.yaml") if each["kind"] == "Pod"
    ]
    (application,) = pod["spec"]["containers"]
    (s3d,) = containers(DEPLOY / "kubernetes/sidecar.yaml")
    endpoint = environment_of(application, "any")["AWS_ENDPOINT_URL_S3"]
    assert endpoint == environment_of(s3d, "any")["S3D_ENDPOINT"] == "http://127.0.0.1:33333"


def variables() -> dict[str, str]:
    """Those of the Dockerfile."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def test_every_variable_is_a_setting() -> None:
    known = {setting.env for setting in settings_of(Config).values()}
    named = set(variables()) - {"PATH"}
    for file in MANIFESTS:
        named |= {each["name"] for c in containers(file) for each in c.get("env", ())}
    named -= {"POD_NAMESPACE"}
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    named |= {n for n in compose["services"]["s3d"]["environment"] if n.startswith("S3D_")}
    assert named - known == set()


def test_what_the_image_copies_exists() -> None:
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (DEPLOY.parent / source).exists(), source


def test_the_builder_gets_what_the_image_copies() -> None:
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            assert {f"!{source}" for source in line.split()[1:-1]} <= set(kept)


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_a_manifest_says_how_to_make_its_secret(file: Path) -> None:
    check_secret(file, file.read_text())


def test_the_recipe_makes_the_secret_of_the_sidecar() -> None:
    recipe = (DEPLOY.parent / "docs/cookbook.md").read_text()
    check_secret(DEPLOY / "kubernetes/sidecar.yaml", recipe)
    (pod,) = re.findall(r"kubectl exec (\S+)", recipe)
    found = documents(DEPLOY / "kubernetes/sidecar.yaml")
    assert pod in [each["metadata"]["name"] for each in found if each["kind"] == "Pod"]


def test_the_image_starts_with_the_settings_of_the_workflow(tmp_path: Path) -> None:
    recipe = (DEPLOY.parent / "docs/cookbook.md").read_text()
    (block,) = re.findall(r"^```yaml\n(services:.*?)^```", recipe, re.DOTALL | re.MULTILINE)
    job = yaml.safe_load(block)
    settings = job["services"]["s3d"]["env"]
    env = environment(tmp_path, **(variables() | settings | {"S3D_LOCAL_DIR": str(tmp_path)}))
    del env["PATH"]
    check = [sys.executable, "-m", "s3d", "config", "check"]
    done = subprocess.run(check, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    used = {name: value for name, value in job["env"].items() if "ACCESS_KEY" in name}
    assert used == {name.replace("S3D_", "AWS_"): value for name, value in settings.items()}


def check_secret(file: Path, text: str) -> None:
    """The command in the text makes all that a manifest refers to."""
    (name,) = set(re.findall(r"kubectl create secret generic (\S+)", text))
    made = set(re.findall(r"--from-literal=(\w+)=", text))
    manifest = file.read_text()
    assert set(re.findall(r"secretRef: \{name: (\w+)\}", manifest)) == {name}
    referred = set(re.findall(r"secretKeyRef: \{name: (\w+), key: (\w+)\}", manifest))
    assert {secret for secret, _ in referred} <= {name}
    assert {key for _, key in referred} <= made
    assert "kind: Secret" not in manifest, "it would replace the one that was made"


@pytest.fixture
def container(start_agent, tmp_path: Path) -> AgentProcess:
    """The agent with the variables of the image, on free ports."""
    env = variables() | {
        "S3D_LOCAL_DIR": str(tmp_path / "data"),
        "S3D_ENDPOINT": "http://0.0.0.0:0",
        "S3D_ADMIN": "http://0.0.0.0:0",
        "S3D_ACCESS_KEY_ID": "somekey",
        "S3D_SECRET_ACCESS_KEY": "somesecret",
    }
    del env["PATH"]
    return start_agent(home=tmp_path / "data", env=env)


def test_its_health_is_checked_without_the_remote(container: AgentProcess, tmp_path: Path) -> None:
    check = [sys.executable, "-m", "s3d", "status", "--healthcheck"]
    done = subprocess.run(check, env=container.env, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    container.stop()
    done = subprocess.run(check, env=environment(tmp_path / "data"), capture_output=True)
    assert done.returncode == 5
