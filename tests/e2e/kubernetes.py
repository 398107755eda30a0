"""Puts folders of pipelines/hosts/kubernetes together as kustomize does, as far as they use it, and asks them questions.

  kubernetes.py things FOLDER      what would be applied
  kubernetes.py same A B           whether two such lists of things are equal; the first difference
  kubernetes.py loose FOLDER       names that nothing stands for: a line each
  kubernetes.py commands FOLDER    JOB COUNT WORD..., words quoted for a shell, in the order in which they start
"""
import copy
import json
import pathlib
import re
import shlex
import sys

import yaml


def read(path):
    return list(yaml.safe_load_all(pathlib.Path(path).read_text()))


# ---- kustomize


def config_map(entry, folder):
    data = dict(literal.split("=", 1) for literal in entry.get("literals", []))
    data.update({name: (folder / name).read_text() for name in entry.get("files", [])})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": entry["name"]}, "data": data}


def place(thing, path):
    *parents, last = path.strip("/").split("/")
    for key in parents:
        thing = thing[int(key)] if isinstance(thing, list) else thing[key]
    return thing, last


def patch(thing, operation):
    inside, key = place(thing, operation["path"])
    value = copy.deepcopy(operation.get("value"))
    if isinstance(inside, list) and key != "-":
        key = int(key)
    if operation["op"] == "remove":
        del inside[key]
    elif operation["op"] == "test":
        assert inside[key] == value, operation
    elif operation["op"] == "replace":
        assert inside[key] is not None, operation
        inside[key] = value
    elif key == "-":
        inside.append(value)
    else:
        assert operation["op"] == "add", operation
        inside[key] = value


def jobs_of(thing):
    """Those of a set, or a job alone, in the form of the former."""
    if thing["kind"] == "Job":
        return [{"name": thing["metadata"]["name"], "template": {"spec": thing["spec"]}}]
    return thing["spec"]["replicatedJobs"] if thing["kind"] == "JobSet" else []


def is_meant(thing, target):
    return thing["kind"] == target["kind"] and target.get("name") in (None, thing["metadata"]["name"])


def containers(job):
    pod = job["template"]["spec"]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


def things_of(folder):
    folder = pathlib.Path(folder).resolve()
    (customization,) = read(folder / "kustomization.yaml")
    things = []
    for name in customization["resources"]:
        things += things_of(folder / name) if (folder / name).is_dir() else copy.deepcopy(read(folder / name))
    for entry in customization.get("configMapGenerator", []):
        made = config_map(entry, folder)
        old = [thing for thing in things if thing["kind"] == "ConfigMap" and thing["metadata"] == made["metadata"]]
        assert bool(old) == (entry.get("behavior") == "replace"), entry
        things = [thing for thing in things if thing not in old] + [made]
    for entry in customization.get("patches", []):
        meant = [thing for thing in things if is_meant(thing, entry["target"])]
        change = yaml.safe_load(entry["patch"])
        if isinstance(change, dict):
            assert change["$patch"] == "delete" and meant, entry
            things = [thing for thing in things if thing not in meant]
        else:
            for thing in meant:
                for operation in change:
                    patch(thing, operation)
    for image in customization.get("images", []):
        for thing in things:
            for job in jobs_of(thing):
                for container in containers(job):
                    if container["image"] == image["name"]:
                        container["image"] = f'{image["newName"]}:{image["newTag"]}'
    return things


# ---- questions


def of_kind(things, kind):
    return {thing["metadata"]["name"]: thing for thing in things if thing["kind"] == kind}


def variables(things, container):
    maps = of_kind(things, "ConfigMap")
    told = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            told.update(maps[source["configMapRef"]["name"]]["data"])
    return told


def words_of(things, container, index):
    told = {"JOB_COMPLETION_INDEX": str(index), **variables(things, container)}
    return [re.sub(r"\$\((\w+)\)", lambda found: told[found[1]], word) for word in container["command"] + container["args"]]


def volume_source(volume):
    for kind, field, key in (("PersistentVolumeClaim", "persistentVolumeClaim", "claimName"), ("ConfigMap", "configMap", "name")):
        if field in volume:
            return kind, volume[field][key]
    return None, None


def loose_of_job(things, job):
    pod = job["template"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    secrets = [volume["secret"]["secretName"] for volume in volumes.values() if "secret" in volume]
    for container in containers(job):
        secrets += [source["secretRef"]["name"] for source in container.get("envFrom", []) if "secretRef" in source]
    for volume in volumes.values():
        kind, name = volume_source(volume)
        if kind and name not in of_kind(things, kind):
            yield f"no {kind} {name}"
    yield from (f"the pages make no secret {name}" for name in secrets if name not in ("coca-keys", "coca-s3"))
    mounted = {mount["name"] for container in containers(job) for mount in container["volumeMounts"]}
    yield from (f"no volume {name}" for name in mounted - set(volumes))
    yield from (f"nobody mounts {name}" for name in set(volumes) - mounted)


def loose_of_set(things, jobset):
    jobs = {job["name"]: job for job in jobs_of(jobset)}
    for job in jobs.values():
        yield from (f"{job['name']}: waits for {other['name']}" for other in job.get("dependsOn", []) if other["name"] not in jobs)
    yield from (f"success of {name}" for name in jobset["spec"]["successPolicy"]["targetReplicatedJobs"] if name not in jobs)
    (loss,) = jobs["loss"]["template"]["spec"]["template"]["spec"]["containers"]
    name = jobset["metadata"]["name"]
    address = f"tcp://{name}-loss-0-0.{name}:{loss['ports'][0]['containerPort']}"
    for job in jobs.values():
        for container in containers(job):
            told = variables(things, container).get("CONDUCTOR")
            if told != address:
                yield f"{job['name']}: CONDUCTOR is {told}, where loss is {address}"


def loose(things):
    for thing in things:
        for job in jobs_of(thing):
            yield from (f"{job['name']}: {what}" for what in loose_of_job(things, job))
    for jobset in of_kind(things, "JobSet").values():
        yield from loose_of_set(things, jobset)


def commands(things):
    for job in (job for thing in things for job in jobs_of(thing)):
        spec = job["template"]["spec"]
        pods = spec.get("completions", 1)
        for container in containers(job):
            if spec.get("completionMode") == "Indexed":
                yield from (f"{container['name']} 1 {shlex.join(words_of(things, container, index))}" for index in range(pods))
            else:
                yield f"{container['name']} {pods} {shlex.join(words_of(things, container, 0))}"


def ordered(things):
    return sorted(things, key=lambda thing: (thing["kind"], thing["metadata"]["name"]))


def same(one, other):
    one, other = (ordered(read(path)) for path in (one, other))
    for mine, theirs in zip(one, other):
        if mine != theirs:
            sys.exit(f"{mine['kind']} {mine['metadata']['name']}:\n{json.dumps(mine)}\n{json.dumps(theirs)}")
    sys.exit(len(one) != len(other))


def main(word, *operands):
    if word == "same":
        same(*operands)
    things = things_of(operands[0])
    if word == "things":
        print(yaml.safe_dump_all(things))
    for line in {"loose": loose, "commands": commands}.get(word, lambda _: [])(things):
        print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
