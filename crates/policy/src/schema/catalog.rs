//! The keys of catalog.yaml.

use super::{Key, Shape, TIER, may, needs};

pub(super) const FILE: &[Key] = &[
    needs("version", Shape::Version, "The version of the language."),
    needs("environments", Shape::Named(&Shape::Object(ENVIRONMENT)), "Where things run."),
    may("clusters", Shape::Named(&Shape::Object(CLUSTER)), "Kubernetes clusters, by the name that --context takes."),
    may("default_cluster", Shape::Text, "The cluster meant when none is typed."),
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

const ENVIRONMENT: &[Key] =
    &[may("production", Shape::Bool, "Whether changes need an approval, whatever rbac.yaml says.")];

const ENV: Key = needs("env", Shape::Text, "Its environment.");
const OWNERS: Key = needs("owners", Shape::List(&Shape::Text), "The groups that owners-of-target stands for.");
const POOL: Key = needs("pool", Shape::Text, "Which workers may serve it.");
const ISOLATION: Key =
    may("isolation", Shape::Word(&["strict", "nested", "job", "none"]), "How its commands are kept apart.");
const HELD: Key = needs("credentials", Shape::Object(CREDENTIALS), "References; what is missing cannot run.");
const ADDRESS: Key = needs("address", Shape::Text, "An https URL.");

const CREDENTIALS: &[Key] = &[
    may("read", Shape::Text, "file:/path or env:NAME; can look."),
    may("sensitive", Shape::Text, "Can look at what is secret."),
    may("preview", Shape::Text, "Can ask for a dry run."),
    may("change", Shape::Text, "Can change."),
    may("destructive", Shape::Text, "Can remove."),
];

const CLUSTER: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    ADDRESS,
    may("ca", Shape::Text, "Its certificate authority: file:/path."),
    may("namespace", Shape::Text, "The namespace meant when none is typed."),
    HELD,
];

const PROFILE: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    needs("account", Shape::Text, "Its twelve digits, in quotes."),
    needs("region", Shape::Text, "The region meant when none is typed."),
    may("regions", Shape::List(&Shape::Text), "These can be typed as well."),
    HELD,
];

const PROJECT: &[Key] = &[ENV, OWNERS, POOL, ISOLATION, needs("id", Shape::Text, "Google's id of it."), HELD];

const REPOSITORY: &[Key] = &[ADDRESS, may("credential", Shape::Text, "Reads it: file:/path or env:NAME.")];

const STACK: &[Key] = &[
    ENV,
    OWNERS,
    POOL,
    ISOLATION,
    needs("repository", Shape::Text, "Where it is kept."),
    needs("branch", Shape::Text, "The protected branch: what is on it was reviewed."),
    needs("folder", Shape::Text, "Its folder in the repository."),
    HELD,
];

const SERVICE: &[Key] = &[
    may("env", Shape::Text, "Not for services: they have environments."),
    OWNERS,
    POOL,
    ISOLATION,
    needs("image", Shape::Text, "The image without its tag."),
    may("versions", Shape::Text, "A regular expression of what is a release."),
    needs("environments", Shape::Named(&Shape::Object(ROLLOUT)), "Where it is rolled out to."),
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
    needs("change_up_to", Shape::Duration, "A longer silence is destructive."),
    needs("longest", Shape::Duration, "A longer silence is refused."),
    HELD,
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
