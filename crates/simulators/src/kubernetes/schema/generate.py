"""Writes kubernetes.txt: the fields of the kinds that the stand-in serves, out of Kubernetes' own Go types.

usage: generate.py API APIMACHINERY > kubernetes.txt

API is a checkout of github.com/kubernetes/api and APIMACHINERY one of github.com/kubernetes/apimachinery, both at the
tag of VERSION (Apache-2.0). One line a field: protobuf number, JSON name, type, how its list merges, first sentence of
its documentation. `!` after a name: required; `*` before a type: a pointer, so that zero is not absence. Everything comes
from the struct tags and markers; nothing is written by hand.
"""

import pathlib
import re
import sys

VERSION = "v0.32.4"

# The kinds, by package; what they are made of comes along.
ROOTS = {
    "core.v1": "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod "
    "ReplicationController ResourceQuota Secret Service ServiceAccount",
    "apps.v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "authentication.v1": "SelfSubjectReview TokenRequest",
    "authorization.v1": "SelfSubjectAccessReview SelfSubjectRulesReview",
    "autoscaling.v1": "HorizontalPodAutoscaler Scale",
    "autoscaling.v2": "HorizontalPodAutoscaler",
    "batch.v1": "CronJob Job",
    "certificates.v1": "CertificateSigningRequest",
    "coordination.v1": "Lease",
    "discovery.v1": "EndpointSlice",
    "events.v1": "Event",
    "meta.v1": "DeleteOptions",
    "networking.v1": "Ingress NetworkPolicy",
    "policy.v1": "Eviction PodDisruptionBudget",
    "rbac.v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "scheduling.v1": "PriorityClass",
    "storage.v1": "StorageClass",
}
SCALARS = {
    "string": "string", "bool": "boolean", "int": "integer", "int32": "integer", "int64": "integer",
    "float64": "number", "byte": "integer",
    "resource.Quantity": "quantity", "intstr.IntOrString": "int-or-string", "metav1.Time": "time",
    "metav1.MicroTime": "time", "meta.v1.Time": "time", "meta.v1.MicroTime": "time", "meta.v1.FieldsV1": "raw",
    "runtime.RawExtension": "raw", "types.UID": "string", "metav1.Duration": "string",
}
LONGEST = 72
STRUCT = re.compile(r"((?:^//[^\n]*\n)*)^type\s+(\w+)\s+struct\s*\{\n(.*?)^\}", re.M | re.S)
ALIAS = re.compile(r"^type (\w+) ([^\s{]+)\s*$", re.M)
FIELD = re.compile(r"^\t(?:(\w+)\s+)?([\w.\[\]*]+)\s+`(.*)`")


def package(name, api, machinery):
    folder = machinery / "pkg/apis/meta/v1" if name == "meta.v1" else api / name.replace(".", "/")
    text = (folder / "types.go").read_text()
    structs = {name: (about(comment), body) for comment, name, body in STRUCT.findall(text)}
    return structs, dict(ALIAS.findall(text))


def about(comment):
    """The first sentence of a comment, without its markers."""
    lines = [line.strip().lstrip("/").strip() for line in comment.splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith("+"))
    first = re.split(r"(?<=[a-z)\"'`])\.(?:\s|$)", text, maxsplit=1)[0].strip().rstrip(".")
    if len(first) > LONGEST:
        first = first[:LONGEST].rsplit(" ", 1)[0] + " …"
    return first


class Types:
    def __init__(self, api, machinery):
        self.load = lambda name: package(name, api, machinery)
        self.packages = {}

    def of(self, name):
        if name not in self.packages:
            self.packages[name] = self.load(name)
        return self.packages[name]

    def resolve(self, here, go):
        """A Go type as the table writes it."""
        go = go.lstrip("*")
        if go == "[]byte":
            return "bytes"
        if go in SCALARS:
            return SCALARS[go]
        if go.startswith("[]"):
            return "[]" + self.resolve(here, go[2:])
        if go.startswith("map["):
            return "map:" + self.resolve(here, go.split("]", 1)[1])
        if "." in go:
            alias, go = go.split(".")
            where = {"metav1": "meta.v1"}.get(alias, "core.v1")
            return self.resolve(where, go)
        if f"{here}.{go}" in SCALARS:
            return SCALARS[f"{here}.{go}"]
        structs, aliases = self.of(here)
        if go in structs:
            return f"{here}.{go}"
        under = self.resolve(here, aliases[go])
        # A named list is a message of its own on the wire.
        return "list:" + under[2:] if under.startswith("[]") else under

    def fields(self, name):
        here, go = name.rsplit(".", 1)
        comment = ""
        for line in self.of(here)[0][go][1].splitlines():
            if line.strip().startswith("//"):
                comment += line + "\n"
                continue
            match = FIELD.match(line)
            if match:
                field = self.field(here, comment, match)
                if field:
                    yield field
            comment = ""

    def field(self, here, comment, match):
        go, tags = match.group(2), dict(re.findall(r'(\w+):"([^"]*)"', match.group(3)))
        json = tags.get("json", "")
        if json == "-" or go.endswith("TypeMeta"):
            return None
        number = tags["protobuf"].split(",")[1] if "protobuf" in tags else "0"
        kind = self.resolve(here, go)
        if ",inline" in json:
            return number, "<inline>", kind, "-", ""
        if go.startswith("*"):
            kind = "*" + kind
        wanted = "" if "omitempty" in json or "+optional" in comment else "!"
        return number, json.split(",")[0] + wanted, kind, merging(comment, tags), about(comment)


def merging(comment, tags):
    """`key=K` of a strategic merge, `set` of values, `keys=A,B` of a server-side apply, `whole`, or `-`."""
    words = []
    if "merge" in tags.get("patchStrategy", ""):
        key = tags.get("patchMergeKey")
        words.append(f"key={key}" if key else "set")
    if "retainKeys" in tags.get("patchStrategy", ""):
        words.append("retain")
    keys = re.findall(r"\+listMapKey=(\w+)", comment)
    if keys:
        words.append("keys=" + ",".join(keys))
    if re.search(r"\+(?:listType|structType|mapType)=atomic", comment):
        words.append("whole")
    return ";".join(words) or "-"


def named(kind):
    last = kind.lstrip("*").replace("list:", "[]").replace("map:", "[]").rsplit("[]", 1)[-1]
    return last if "." in last else None


def main(api, machinery):
    types = Types(pathlib.Path(api), pathlib.Path(machinery))
    todo = [f"{where}.{kind}" for where, kinds in ROOTS.items() for kind in kinds.split()]
    done = {}
    while todo:
        name = todo.pop()
        if name not in done:
            done[name] = list(types.fields(name))
            todo.extend(found for field in done[name] if (found := named(field[2])))
    print(f"# Written by generate.py from github.com/kubernetes/api and apimachinery {VERSION} (Apache-2.0).")
    for name in sorted(done):
        here, go = name.rsplit(".", 1)
        print(f"{name} {types.of(here)[0][go][0]}".rstrip())
        for field in done[name]:
            print(" " + " ".join(field).rstrip())


main(*sys.argv[1:])
