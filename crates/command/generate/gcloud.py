#!/usr/bin/env python3
"""Writes data/gcloud.tsv: what the commands of the allowed groups of gcloud take.

Source: Google Cloud SDK 528.0.0 (core 2025.06.20), release track GA. The command tree is loaded
with calliope itself, so names, counts and types are those that gcloud parses with. Needs no network:

    CLOUDSDK_CONFIG=$(mktemp -d) python3 gcloud.py /usr/lib/google-cloud-sdk > ../data/gcloud.tsv
    CLOUDSDK_CONFIG=$(mktemp -d) python3 gcloud.py /usr/lib/google-cloud-sdk resources > ../tests/data/gcloud-resource-flags.txt

One command a line: path, positionals, flags, separated by tabs. Commands, arguments and flags that
gcloud hides, and the flags that every command has, are left out.

    positional  NAME     exactly one         flag   name       takes a value
                NAME?    at most one                name!      takes none
                NAME*    any number                 name?      may take a value
                NAME+    at least one               name+      takes a value, may be repeated
                NAME@    a local file               name@      a local file
                NAME...  what follows `--`          name%      a value, or the name of a local file
                                                    name~      takes none, and so does no-name
    Other spellings of a flag follow after `|`.
"""

import argparse
import re
import sys

GROUPS = """
    alloydb artifacts bigtable builds certificate-manager compute container deploy dns eventarc
    filestore firestore functions iam kms logging memcache memorystore monitoring projects pubsub
    redis run scheduler secrets services spanner sql storage tasks workflows
""".split()

# Other clouds' clusters and an old name of `container fleet`.
LEFT_OUT = ("container hub", "container aws", "container azure", "container attached",
            "container bare-metal", "container vmware")

# Types of arguments whose value is the name of a file.
FILE_TYPES = {"FileContents", "YAMLFileContents", "ArgDictFile", "FilePathOrStdinContents",
              "CommaSeparatedPemCertificatesFilesList", "PolicyFileName", "IsWritable",
              "ParseCleanupPolicy", "BufferedFileInput"}
# Types that read a file if the value ends in `.yaml` or `.json`: arg_parsers.ArgObject and what
# declarative commands make of it.
EITHER_TYPES = {"ArgObject", "_MessageFieldType", "_ConvertValueType", "_AdditionalPropsType",
                "_MapFieldType"}
FILE_NAMES = re.compile(r"(^|-)(file|files|from-file)$|^(kubeconfig|inline-config|trigger-config|"
                        r"file-name|fleet-default-member-config|json-key|local-filename|"
                        r"(input|output)-iam-policy-dir|(pre|post)-patch-(linux|windows)-executable|"
                        r"source-directory|manifest-path|trust-store|trust-store-config-path|"
                        r"build-artifacts|from-k8s-manifest|from-run-manifest|credential-cert-path|"
                        r"exclude-name-pattern-file|read-paths-from-stdin)$")
# Names that are a file for some commands and something else for others.
FILES_OF = {
    "source": re.compile(r" (import|import-rules|upload|load|load-vex|update-from-file|validate)$|^workflows deploy$"),
    "destination": re.compile(r" (export|export-rules|download|get-screenshot)$"),
    "config": re.compile(r"^builds submit$| apply$"),
    "rules": re.compile(r"^compute routers nats "),
    "certificate": re.compile(r"^compute ssl-certificates create$"),
    "private-key": re.compile(r"^compute ssl-certificates create$"),
    "policy": re.compile(r" set-cleanup-policies$"),
}
FILE_POSITIONALS = re.compile(r"(^|_)file$", re.I)
# Positionals named `file` that are artifacts of a repository.
NOT_FILES = re.compile(r"^artifacts files ")


def type_name(kind):
    return "" if kind is None else getattr(kind, "__name__", None) or type(kind).__name__


def is_file(path, name, kind):
    if type_name(kind) in FILE_TYPES or FILE_NAMES.search(name):
        return True
    return name in FILES_OF and bool(FILES_OF[name].search(path))


def is_hidden(action):
    return action.help == argparse.SUPPRESS or bool(getattr(action, "is_hidden", False))


def positional(path, action):
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    name = name.strip("[]").replace(" ", "_")
    if type(action).__name__ == "RemainderAction":
        return name + "..."
    local = type_name(action.type) in FILE_TYPES or FILE_POSITIONALS.search(action.dest)
    if local and not NOT_FILES.search(path):
        return name + "@"
    return name + {None: "", "?": "?", "*": "*", "+": "+"}[action.nargs]


def flag(path, action, spelled):
    longs = [one[2:] for one in action.option_strings if one.startswith("--")]
    name, spellings = longs[0], longs[1:] + [one[1:] for one in action.option_strings if one[1] != "-"]
    kinds = {base.__name__ for base in type(action).__mro__}
    repeated = kinds & {"_AppendAction", "UpdateAction", "UpdateActionWithAppend"} or "Flatten" in str(type(action))
    if is_file(path, name, action.type):
        end = "@"
    elif action.nargs == 0:
        end = "~" if f"--no-{name}" in spelled else "!"
    elif action.nargs == "?":
        end = "?"
    elif action.nargs is not None:
        raise ValueError(f"{path} --{name} takes {action.nargs}")
    elif type_name(action.type) in EITHER_TYPES:
        end = "%"
    elif repeated:
        end = "+"
    else:
        end = ""
    return name + end + "".join("|" + one for one in sorted(spellings))


def line(path, command):
    parser = command.ai.parser
    positionals = [positional(path, one) for one in command.ai.positional_args if not is_hidden(one)]
    if parser._remainder_action is not None and not any(one.endswith("...") for one in positionals):
        positionals.append(positional(path, parser._remainder_action))
    flags = [one for one in parser._actions if one.option_strings]
    # Of a pair the switch that is shown stands for both; `--no-x` alone is a name of its own.
    twins = {spelling for one in flags if one.nargs == 0 and is_hidden(one) for spelling in one.option_strings}
    flags = [one for one in flags if not is_hidden(one) or one.option_strings[0] in STILL_TYPED]
    flags = [one for one in flags if not getattr(one, "is_global", False)]
    flags = [one for one in flags if any(spelling.startswith("--") for spelling in one.option_strings)]
    flags = [one for one in flags if one.option_strings[0] not in GLOBAL]
    written = sorted(flag(path, one, twins) for one in flags)
    return "\t".join([path, " ".join(positionals), " ".join(written)])


def resources(path, command):
    """The flags that are parts of a resource's name, as the command's own concepts say."""
    concepts = getattr(command.ai.concept_handler, "_all_concepts", [])
    for parts in (one["concept_info"].attribute_to_args_map for one in concepts):
        for part, spelled in parts.items():
            if spelled.startswith("--"):
                yield f"{spelled[2:]}\t{part}"


def walk(element, path, written):
    name = " ".join(path).replace("_", "-")
    if element.IsHidden() or name.startswith(LEFT_OUT):
        return
    if element.is_group:
        element.LoadAllSubElements(recursive=False)
        for children in (element.groups, element.commands):
            for child in sorted(children):
                yield from walk(children[child], path + [child], written)
    else:
        yield from written(name, element)


def main():
    root = sys.argv[1]
    sys.path[:0] = [f"{root}/lib", f"{root}/lib/third_party"]
    from googlecloudsdk import gcloud_main
    top = gcloud_main.CreateCLI([])._TopElement()
    written = resources if sys.argv[2:] == ["resources"] else lambda path, command: [line(path, command)]
    print("# Written by generate/gcloud.py from Google Cloud SDK 528.0.0, release track GA.")
    for one in sorted({one for group in GROUPS for one in walk(top.LoadSubElement(group), [group], written)}):
        print(one)


# Of every command as well, and not marked as such; some commands declare theirs once more.
GLOBAL = {"-h", "--help", "--document", "---flag-file-line-", "--project", "--format"}

# Hidden, and typed by everybody who learned them when they were not.
STILL_TYPED = {"--gen2", "--platform"}

if __name__ == "__main__":
    main()
