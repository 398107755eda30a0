#!/usr/bin/env python3
"""Holds pipelines/hosts/kubernetes to the published schemas, for maintainers: python3-yaml, kubectl or kustomize, and from PyPI
jsonschema and kubernetes-validate, which brings Kubernetes' own schemas; JobSet's is the CustomResourceDefinition of its release,
config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml of kubernetes-sigs/jobset.

  tests/bench/check_kubernetes.py jobset.x-k8s.io_jobsets.yaml [FOLDER ...]

A field that no schema knows is an error too, since a cluster would drop it without a word."""
import pathlib
import shutil
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).resolve().parents[2] / "pipelines/hosts/kubernetes"


def strict(schema):
    """Closes every object whose fields the schema lists."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and "x-kubernetes-preserve-unknown-fields" not in closed:
        closed.setdefault("additionalProperties", False)
    if closed.get("x-kubernetes-int-or-string"):
        closed = {"type": ["integer", "string"]}
    return closed


def jobset_schema(path):
    definition = yaml.safe_load(pathlib.Path(path).read_text())
    version = next(v for v in definition["spec"]["versions"] if v["name"] == "v1alpha2")
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}  # the cluster's own
    return schema


def render(folder):
    tool = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    return list(yaml.safe_load_all(subprocess.run([*tool, folder], check=True, capture_output=True, text=True).stdout))


def check(thing, jobset):
    if thing["kind"] != "JobSet":
        kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)
        return
    jsonschema.Draft4Validator(jobset).validate(thing)
    for job in thing["spec"]["replicatedJobs"]:  # as the JobSet's controller will make it
        made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job["name"]}, "spec": job["template"]["spec"]}
        kubernetes_validate.validate(made, kubernetes_validate.latest_version(), strict=True)


def main(definition, *folders):
    jobset = jobset_schema(definition)
    for folder in folders or sorted(path.parent for path in HERE.rglob("kustomization.yaml")):
        things = render(folder)
        for thing in things:
            check(thing, jobset)
        print(f"{folder}: {', '.join(thing['kind'] for thing in things)}: as published")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
