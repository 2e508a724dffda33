//! The keys of catalog.yaml.

use super::{Key, Shape, TIER, may, needs};

pub(super) const FILE: &[Key] = &[
    needs("version", Shape::Version, "The version of the language."),
    needs("environments", Shape::Named(&Shape::Object(ENVIRONMENT)), "Where things run."),
    may("clusters", Shape::Named(&Shape::Object(CLUSTER)), "Kubernetes clusters, by the name that --context takes."),
    may("default_cluster", Shape::Text, "The cluster meant when neither the command nor the channel names one."),
    may("channels", Shape::Named(&Shape::Object(CHANNEL)), "What a chat channel means, by its id."),
    may("profiles", Shape::Named(&Shape::Object(PROFILE)), "AWS accounts, by the first word after /aws."),
    may("projects", Shape::Named(&Shape::Object(PROJECT)), "Google Cloud projects, by the first word after /gcloud."),
    may(
        "repositories",
        Shape::Named(&Shape::Object(REPOSITORY)),
        "Git repositories that stacks and manifests come from.",
    ),
    may("stacks", Shape::Named(&Shape::Object(STACK)), "Terraform stacks."),
    may("services", Shape::Named(&Shape::Object(SERVICE)), "Services that are rolled out."),
    may("alertmanagers", Shape::Named(&Shape::Object(ALERTMANAGER)), "Where alerts are silenced."),
    may("kinds", Shape::List(&Shape::Object(KIND)), "Kinds of objects beyond the built-in ones."),
    may("tiers", Shape::List(&Shape::Object(RAISE)), "Tiers, only upwards."),
    may("thresholds", Shape::List(&Shape::Object(THRESHOLD)), "A change of so many objects or more is of this tier."),
    may("limits", Shape::Object(LIMITS), "Limits of one job."),
    may("commands", Shape::Named(&Shape::Object(COMMAND)), "Commands without code."),
];

const CHANNEL: &[Key] = &[needs("cluster", Shape::Text, "The cluster meant when none is typed there.")];

const ENVIRONMENT: &[Key] =
    &[may("production", Shape::Bool, "Whether changes need an approval, whatever rbac.yaml says.")];

const ENV: Key = needs("env", Shape::Text, "Its environment.");
const OWNERS: Key = needs("owners", Shape::List(&Shape::Text), "The groups that owners-of-target stands for.");
const POOL: Key = needs("pool", Shape::Text, "Which workers may serve it.");
const ISOLATION: Key =
    may("isolation", Shape::Word(&["strict", "nested", "job", "none"]), "How its commands are kept apart.");
const ADDRESS: Key = needs("address", Shape::Text, "An https URL.");

/// One credential a tier, of what this kind of target takes.
const fn held(each: &'static [Key]) -> Key {
    needs("credentials", Shape::Object(each), "What is missing cannot run.")
}

/// A reference, or who mints; one a tier.
macro_rules! each_tier {
    ($name:literal, $($maker:expr),+) => {{
        const ONE: Shape =
            Shape::Shared($name, &Shape::Either(&[Shape::Text, Shape::Object(&[REFERENCE, $($maker),+])]));
        const EACH: &[Key] = &[
            may("read", ONE, "file:/path, env:NAME or vault:mount/path#field, or who mints it; can look."),
            may("sensitive", ONE, "Can look at what is secret."),
            may("preview", ONE, "Can ask for a dry run."),
            may("change", ONE, "Can change."),
            may("destructive", ONE, "Can remove."),
        ];
        EACH
    }};
}

/// The credentials of a target that takes these.
macro_rules! credentials {
    ($name:literal, $($maker:expr),+) => { held(each_tier!($name, $($maker),+)) };
}

const REFERENCE: Key = may("reference", Shape::Text, "It lies there: file:/path, env:NAME or vault:mount/path#field.");

const TOKEN_REQUEST: Key = may(
    "token_request",
    Shape::Object(&[
        needs("service_account", Shape::Text, "Whose token it is."),
        needs("namespace", Shape::Text, "Where the account is."),
        may("audiences", Shape::Texts, "For which servers it is; the cluster's own if absent."),
    ]),
    "The cluster mints it.",
);

const VAULT: Key = may(
    "vault",
    Shape::Object(&[
        needs("engine", Shape::Word(&["aws", "gcp", "kubernetes", "kv-v2"]), "The secrets engine."),
        needs("mount", Shape::Text, "Where it is mounted."),
        needs("role", Shape::Text, "The role; of gcp with its kind, of kv-v2 the secret's path."),
        may("namespace", Shape::Text, "Of kubernetes: where the account is."),
        may("field", Shape::Text, "Of kv-v2: the field."),
    ]),
    "Vault mints or keeps it.",
);

const ASSUME_ROLE: Key = may(
    "assume_role",
    Shape::Object(&[
        needs("role", Shape::Text, "Its ARN."),
        needs("source", Shape::Text, "Keys that may assume it: file:/path or env:NAME."),
        may("region", Shape::Text, "Whose token service is asked; the profile's if absent."),
    ]),
    "AWS gives a session of a role.",
);

const ACCESS_TOKEN: Key = may(
    "access_token",
    Shape::Object(&[
        needs("service_account", Shape::Text, "Its address."),
        needs("source", Shape::Text, "The key file of an account that may ask for it: file:/path or env:NAME."),
    ]),
    "Google gives a token of a service account.",
);

const IMPERSONATE: Key = may(
    "impersonate",
    Shape::Object(&[
        needs("user", Shape::Text, "{principal} is the requester."),
        may("groups", Shape::Texts, "The groups."),
    ]),
    "As whom the cluster treats the requests.",
);

const CLUSTER: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    ADDRESS,
    CA,
    may("namespace", Shape::Text, "The namespace meant when none is typed."),
    credentials!("cluster-credential", TOKEN_REQUEST, VAULT, IMPERSONATE),
];

const PROFILE: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    needs("account", Shape::Text, "Its twelve digits, in quotes."),
    needs("region", Shape::Text, "The region meant when none is typed."),
    may("regions", Shape::List(&Shape::Text), "These can be typed as well."),
    ENDPOINT,
    credentials!("profile-credential", VAULT, ASSUME_ROLE),
];

const PROJECT: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    needs("id", Shape::Text, "Google's id of it."),
    ENDPOINT,
    credentials!("project-credential", VAULT, ACCESS_TOKEN),
];

const ENDPOINT: Key = may("endpoint", Shape::Text, "Where its services are reached instead of at their own addresses.");

const CA: Key = may("ca", Shape::Text, "Its certificate authority: file:/path.");

const REPOSITORY: &[Key] = &[
    ADDRESS,
    may("credential", Shape::Text, "Reads it: file:/path or env:NAME."),
    CA,
    may("github", Shape::Object(GITHUB), "Who knows what was merged and reviewed."),
];

const GITHUB: &[Key] = &[
    needs("repository", Shape::Text, "owner/name."),
    may("credential", Shape::Text, "A token that reads pull requests, checks, actions and attestations."),
    may("address", Shape::Text, "Its API: https://api.github.com if absent."),
    CA,
    may("checks", Shape::Texts, "The checks that must be green; every one that ran, if absent."),
];

const STACK: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    needs("repository", Shape::Text, "Where it is kept."),
    needs("branch", Shape::Text, "The protected branch: what is on it was reviewed."),
    needs("folder", Shape::Text, "Its folder in the repository."),
    may("hosts", Shape::Texts, "Where plan and apply may connect: host:port."),
    may("review", Shape::Word(&["required", "none"]), "Whether an apply needs a merged, reviewed pull request."),
    credentials!("stack-credential", VAULT, ASSUME_ROLE, ACCESS_TOKEN),
];

const SERVICE: &[Key] = &[
    may("env", Shape::Text, "Not for services: they have environments."),
    OWNERS,
    POOL,
    ISOLATION,
    needs("image", Shape::Text, "The image without its tag."),
    may("registry", Shape::Object(REGISTRY), "How its registry is spoken to."),
    may("source", Shape::Text, "The repository it is built from; one with github."),
    may("run", Shape::Object(RUN), "Where the digest of a workflow run is found."),
    needs(
        "provenance",
        Shape::Either(&[Shape::Word(&["none"]), Shape::Object(PROVENANCE)]),
        "Who must have built it; `none` if that is not checked.",
    ),
    may("versions", Shape::Text, "A regular expression of what is a release."),
    needs("environments", Shape::Named(&Shape::Object(ROLLOUT)), "Where it is rolled out to."),
];

const REGISTRY: &[Key] = &[
    may("credential", Shape::Text, "user:password or a token that may pull: file:/path or env:NAME."),
    CA,
    may("address", Shape::Text, "Where it is reached instead of at the image's own host."),
];

const RUN: &[Key] = &[
    needs("workflow", Shape::Text, "The file of the workflow: release.yml."),
    needs("artifact", Shape::Text, "The artifact that holds the digest."),
    may("hosts", Shape::Texts, "Where the forge keeps artifacts, if it is not github.com: host:port."),
];

const PROVENANCE: &[Key] = &[
    needs("repository", Shape::Text, "Whose workflow built it: owner/name."),
    needs("workflow", Shape::Text, "The workflow: .github/workflows/release.yml."),
    needs("refs", Shape::Texts, "Built from these: refs/heads/main, refs/tags/*."),
    may("attestations", Shape::Word(&["github", "registry"]), "Who keeps the attestations; github if absent."),
    may("issuer", Shape::Text, "Who the workflow's identity is believed from; GitHub if absent."),
    may("trusted_root", Shape::Text, "Sigstore's trusted root: file:/path; the public-good one if absent."),
];

const ROLLOUT: &[Key] = &[
    needs("cluster", Shape::Text, "The cluster."),
    may("namespace", Shape::Text, "The namespace."),
    may("deployment", Shape::Text, "The deployment, if it has another name than the service."),
    may("container", Shape::Text, "The container, if it has another name than the service."),
];

const ALERTMANAGER: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    ADDRESS,
    CA,
    needs("change_up_to", Shape::Duration, "A longer silence is destructive."),
    needs("longest", Shape::Duration, "A longer silence is refused."),
    needs(
        "credentials",
        Shape::Either(&[Shape::Word(&["none"]), Shape::Object(each_tier!("alertmanager-credential", VAULT))]),
        "What is missing cannot run; `none` if it asks nobody who they are.",
    ),
];

const KIND: &[Key] = &[
    needs("kind", Shape::Text, "Certificate."),
    needs("plural", Shape::Text, "certificates."),
    needs("singular", Shape::Text, "certificate."),
    may("short_names", Shape::List(&Shape::Text), "cert, certs."),
    needs("group", Shape::Text, "cert-manager.io."),
    needs("reach", Shape::Word(&["namespaced", "cluster"]), "Where its objects live."),
    needs("sensitive", Shape::Bool, "Whether its objects may carry secrets."),
];

const RAISE: &[Key] = &[
    needs("tool", Shape::Texts, "Which tools."),
    may("verb", Shape::Texts, "Which verbs."),
    may("env", Shape::Texts, "Where."),
    may("resource", Shape::Texts, "On what."),
    needs("at_least", TIER, "The tier."),
    needs("why", Shape::Text, "Shown with the tier."),
];

const THRESHOLD: &[Key] = &[needs("objects", Shape::Whole(1, i64::MAX), "How many."), needs("tier", TIER, "The tier.")];

const LIMITS: &[Key] = &[
    may("wall_seconds", Shape::Whole(1, i64::MAX), "Until the job is ended."),
    may("output_bytes", Shape::Whole(1, i64::MAX), "Until the job is ended."),
];

const COMMAND: &[Key] = &[
    needs("description", Shape::Text, "One line for the catalog."),
    needs("runner", Shape::Text, "The program."),
    needs("argv", Shape::List(&Shape::Text), "Its arguments; {name} is a parameter."),
    may("params", Shape::Named(&Shape::Object(PARAM)), "The parameters."),
    needs("tier", TIER, "How dangerous it is."),
    needs(
        "reversibility",
        Shape::Word(&["none-needed", "reversible", "irreversible"]),
        "Whether it can be taken back.",
    ),
    may("sensitive", Shape::Bool, "Whether its output may hold secrets."),
    ENV,
    may("target", Shape::Text, "The entry it acts on."),
    OWNERS,
    POOL,
    ISOLATION,
    may("preview", Shape::List(&Shape::Text), "Arguments that only show."),
    may("limits", Shape::Object(LIMITS), "Its own limits."),
    needs("examples", Shape::List(&Shape::Text), "Whole lines; each is run as a test."),
];

const PARAM: &[Key] = &[
    needs("description", Shape::Text, "One line."),
    may("enum", Shape::List(&Shape::Text), "One of these words."),
    may("regex", Shape::Text, "The whole value matches."),
    may(
        "int",
        Shape::Object(&[needs("min", ANY_WHOLE, "Smallest."), needs("max", ANY_WHOLE, "Largest.")]),
        "A whole number.",
    ),
    may(
        "duration",
        Shape::Object(&[needs("min", Shape::Duration, "Shortest."), needs("max", Shape::Duration, "Longest.")]),
        "A length of time.",
    ),
    may("default", Shape::Text, "Meant when none is typed."),
    may("leading_dash", Shape::Word(&["refused", "allowed"]), "Whether a value may begin with a dash."),
];

const ANY_WHOLE: Shape = Shape::Whole(i64::MIN, i64::MAX);
