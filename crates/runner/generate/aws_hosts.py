#!/usr/bin/env python3
"""Writes crates/runner/data/aws-hosts.txt: the hosts that aws-cli asks for each service in each region.

    python3 -m venv venv && venv/bin/pip install --no-deps -r tests/python/awscli.txt
    venv/bin/python crates/runner/generate/aws_hosts.py > crates/runner/data/aws-hosts.txt

Source: botocore, Apache-2.0: `data/partitions.json` and each service's `endpoint-rule-set-1.json`, evaluated by
botocore's own resolver with the settings of the configuration that the runner writes (regional STS and S3, path-style
buckets, no FIPS, no dual stack, no endpoints by account); the prefixes that operations put before the host
(`endpoint.hostPrefix`) from the service models.
"""

import os
from collections import Counter
from importlib.metadata import version

os.environ.update(HOME="/nonexistent", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent")

from awscli.clidriver import create_clidriver  # noqa: E402
from botocore import xform_name  # noqa: E402
from botocore.endpoint_provider import EndpointProvider  # noqa: E402
from botocore.exceptions import BotoCoreError  # noqa: E402

ACCOUNT = "123456789012"

# Commands of aws-cli 1 and 2 whose service has another name in botocore and no command class that says so.
NAMES = {"s3": "s3", "s3api": "s3", "deploy": "codedeploy", "configservice": "config"}

# What the runner's configuration says, for parameters that services ask for.
SETTINGS = {
    "UseFIPS": False,
    "UseDualStack": False,
    "UseGlobalEndpoint": False,
    "ForcePathStyle": True,
    "Accelerate": False,
    "DisableMultiRegionAccessPoints": True,
    "AccountIdEndpointMode": "disabled",
    "RequiresAccountId": True,
    "AccountId": ACCOUNT,
}


def resolver(session, service):
    loader = session.get_component("data_loader")
    rules = loader.load_service_model(service, "endpoint-rule-set-1")
    return EndpointProvider(rules, loader.load_data("partitions")), set(rules["parameters"])


def host(provider, parameters, region):
    given = {name: value for name, value in SETTINGS.items() if name in parameters}
    # An account is asked for only where the host begins with it.
    if "RequiresAccountId" not in parameters:
        given.pop("AccountId", None)
    if "Region" in parameters:
        given["Region"] = region
    try:
        url = provider.resolve_endpoint(**given).url
    except BotoCoreError:
        return None
    if not url.startswith("https://"):
        return None
    return url.removeprefix("https://").split("/")[0]


def template(found, region, suffix):
    found = found.replace(ACCOUNT, "{account}")
    found = found.replace(f".{region}.", ".{region}.").replace(f"-{region}.", "-{region}.")
    if found.endswith("." + suffix):
        found = found.removesuffix(suffix) + "{suffix}"
    return found


def prefixes(session, service):
    model = session.get_service_model(service)
    found = []
    for name in model.operation_names:
        prefix = (model.operation_model(name).endpoint or {}).get("hostPrefix")
        # Other parameters than the account's stand in no argv in a form that could be relied on. S3 Control has the
        # account in its rules already.
        if prefix and "{" not in prefix:
            found.append(f"{xform_name(name, '-')}+{prefix}")
    return sorted(found)


def main():
    driver = create_clidriver()
    session = driver.session
    partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
    regions = [
        (region, partition["outputs"]["dnsSuffix"], partition["id"])
        for partition in partitions
        for region in sorted(partition["regions"])
        if not region.endswith("-global")
    ]
    print("# The hosts of AWS's services. Made by generate/aws_hosts.py; do not edit.")
    print(f"# awscli {version('awscli')}, botocore {version('botocore')}")
    print("#")
    print("# `%partition suffix regions`: what a region of the partition begins with, separated by commas.")
    print("# A line for each service as it is typed, fields separated by tabs: its name, the host, and then where it is another one:")
    print("# `@partition=host`, `region=host`; `operation+prefix` is put before the host for that operation.")
    for partition in partitions:
        begins = sorted({"-".join(name.split("-")[:-2]) for name in partition["regions"] if not name.endswith("-global")})
        print(f"%{partition['id']} {partition['outputs']['dnsSuffix']} {','.join(begins)}")
    table = driver._get_command_table()
    for name in sorted(table):
        service = NAMES.get(name) or getattr(table[name], "_service_name", None) or name
        try:
            provider, parameters = resolver(session, service)
        except Exception:
            continue
        found = {}
        for region, suffix, partition in regions:
            one = host(provider, parameters, region)
            if one:
                found[region] = (template(one, region, suffix), partition)
        if not found:
            continue
        usual = Counter(one for one, _ in found.values()).most_common(1)[0][0]
        fields = []
        for partition in partitions:
            own = [one for one, of in found.values() if of == partition["id"]]
            if own and (most := Counter(own).most_common(1)[0][0]) != usual:
                fields.append(f"@{partition['id']}={most}")
        known = {field.split("=")[0]: field.split("=")[1] for field in fields}
        for region, (one, partition) in found.items():
            of_all = known.get(f"@{partition}", usual)
            if one.replace("{region}", region) != of_all.replace("{region}", region):
                fields.append(f"{region}={one}")
        print("\t".join([name, usual, *fields, *prefixes(session, service)]))


if __name__ == "__main__":
    main()
