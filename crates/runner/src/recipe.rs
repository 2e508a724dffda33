//! runner.yaml: how a tool's programs run.
//!
//! **Invariant:** a recipe that was read names absolute paths only, has every limit, and holds no key this version does
//! not know.

mod candidate;
mod read;
mod yaml;

pub use candidate::Candidate;

use crate::problem::Problems;
use countersign_core::digest::Digest;
use countersign_core::tier::Isolation;
use countersign_secrets::TargetKind;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How the programs of one runner.yaml run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Program names, each with its candidates in order.
    pub programs: BTreeMap<String, Vec<Candidate>>,
    /// Accepted digests, of a program with everything it is made of; empty means that the digest found at start is
    /// recorded and must not change.
    pub manifest: Vec<Digest>,
    /// Absolute patterns of host files and folders to show read-only; each must match something.
    pub files: Vec<String>,
    /// The same, for what not every host has.
    pub files_if_present: Vec<String>,
    /// The environment, besides what the runner makes for each job.
    pub env: BTreeMap<String, String>,
    /// What the lease becomes inside the jail.
    pub credential: Credential,
    /// Where the program may connect to.
    pub egress: EgressRule,
    /// The levels it may run at; a decision for another one is refused.
    pub isolation: BTreeSet<Isolation>,
    /// The most it may use.
    pub limits: Limits,
}

/// What a lease becomes inside the jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Nothing; the lease must be empty.
    None,
    /// A kubeconfig for the job's target, readable by the job alone.
    Kubeconfig,
    /// The two files that AWS's own tools read, and variables that lead to them.
    AwsFiles,
    /// A file with an access token of Google's, and variables that lead to it.
    GoogleToken,
    /// A file with all that a driver of ours has to know, and a variable that leads to it. The program is found beside
    /// the launcher.
    Job,
}

impl Credential {
    /// Every kind, with its word in the file.
    pub const ALL: [(&'static str, Self); 5] = [
        ("none", Self::None),
        ("kubeconfig", Self::Kubeconfig),
        ("aws-files", Self::AwsFiles),
        ("google-token", Self::GoogleToken),
        ("job", Self::Job),
    ];

    /// What a command with it acts on; a driver says that itself.
    #[must_use]
    pub const fn target(self) -> Option<TargetKind> {
        match self {
            Self::None | Self::Job => None,
            Self::Kubeconfig => Some(TargetKind::Cluster),
            Self::AwsFiles => Some(TargetKind::Profile),
            Self::GoogleToken => Some(TargetKind::Project),
        }
    }
}

/// Where a program may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressRule {
    /// Nowhere.
    None,
    /// To the hosts of the job's target, through the proxy.
    Target,
}

/// The most a job may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of all steps together, seconds.
    pub wall_seconds: u64,
    /// CPU time of each process, seconds.
    pub cpu_seconds: u64,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Open descriptors of each process.
    pub open_files: u64,
    /// Size of each file, MiB.
    pub file_mib: u64,
    /// Size of the private folder and of `/tmp`, MiB each.
    pub tmp_mib: u64,
    /// Output of all steps together, MiB.
    pub output_mib: u64,
    /// How long the program is waited for that was interrupted and cleans up, seconds; a moment if absent. It is how much
    /// longer a cancel may take.
    pub interrupt_seconds: Option<u64>,
}

impl Limits {
    /// Wall-clock time of all steps together.
    #[must_use]
    pub const fn wall(&self) -> Duration {
        Duration::from_secs(self.wall_seconds)
    }

    /// Output of all steps together, bytes.
    #[must_use]
    pub const fn output_bytes(&self) -> u64 {
        self.output_mib << 20
    }
}

impl Recipe {
    /// Reads a runner.yaml; `file` is its name in messages.
    ///
    /// # Errors
    /// Every mistake, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        read::read(file, text)
    }

    /// The recipes that are compiled in.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        let files = [
            ("runners/silence/runner.yaml", include_str!("../../../runners/silence/runner.yaml")),
            ("runners/deploy/runner.yaml", include_str!("../../../runners/deploy/runner.yaml")),
            ("runners/terraform/runner.yaml", include_str!("../../../runners/terraform/runner.yaml")),
            ("runners/aws/runner.yaml", include_str!("../../../runners/aws/runner.yaml")),
            ("runners/gcloud/runner.yaml", include_str!("../../../runners/gcloud/runner.yaml")),
            ("runners/kubectl/runner.yaml", include_str!("../../../runners/kubectl/runner.yaml")),
            ("runners/coreutils/runner.yaml", include_str!("../../../runners/coreutils/runner.yaml")),
        ];
        let parse = |(file, text)| Self::parse(file, text).expect("the shipped recipes are read by a test");
        files.into_iter().map(parse).collect()
    }

    /// How the filters over a command's output run. No command names this program.
    pub(crate) fn of_filters() -> Self {
        Self::parse("runners/filter/runner.yaml", include_str!("../../../runners/filter/runner.yaml"))
            .expect("the shipped recipes are read by a test")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
version: 1
programs: { df: [/usr/bin/df] }
env: { LANG: C.UTF-8 }
credential: none
egress: none
isolation: [strict]
limits:
  { wall_seconds: 5, cpu_seconds: 5, memory_mib: 64, processes: 4,
    open_files: 16, file_mib: 1, tmp_mib: 1, output_mib: 1 }
";

    #[track_caller]
    fn mistakes(from: &str, to: &str, expected: &[&str]) {
        assert!(GOOD.contains(from), "`{from}` is not in the text");
        let problems = Recipe::parse("r.yaml", &GOOD.replacen(from, to, 1)).unwrap_err();
        let lines: Vec<String> = problems.all().iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_shipped_recipes_can_be_read() {
        let shipped = Recipe::shipped();
        assert!(shipped.iter().any(|recipe| recipe.programs.contains_key("kubectl")));
        assert!(shipped.iter().any(|recipe| recipe.programs.contains_key("printf")));
        assert!(Recipe::of_filters().env.is_empty() && Recipe::of_filters().credential == Credential::None);
        assert_eq!(Recipe::parse("r.yaml", GOOD).unwrap().limits.output_bytes(), 1 << 20);
    }

    #[test]
    fn a_program_may_be_given_longer_to_clean_up() {
        assert_eq!(Recipe::parse("r.yaml", GOOD).unwrap().limits.interrupt_seconds, None);
        let longer = GOOD.replacen("output_mib: 1", "output_mib: 1, interrupt_seconds: 300", 1);
        assert_eq!(Recipe::parse("r.yaml", &longer).unwrap().limits.interrupt_seconds, Some(300));
        let message = "r.yaml:9:80: `interrupt_seconds` is a whole number from 1 to 600";
        mistakes("output_mib: 1", "output_mib: 1, interrupt_seconds: 601", &[message]);
    }

    #[test]
    fn an_unknown_key_and_a_repeated_one_are_refused_with_their_lines() {
        let known =
            "it has version, programs, manifest, files, files_if_present, env, credential, egress, isolation, limits";
        let shell = format!("r.yaml:4:1: the file has no key `shell`; {known}");
        mistakes("credential: none", "shell: /bin/sh\ncredential: none", &[&shell]);
        mistakes("egress: none", "egress: none\negress: target", &["r.yaml:6:1: `egress` is here twice"]);
    }

    #[test]
    fn a_path_that_is_searched_for_is_refused() {
        let why = "is not an absolute path without `.`, `..` and doubled slashes";
        for path in ["df", "/usr/../bin/df", "./df", "/usr//bin/df"] {
            mistakes("/usr/bin/df", path, &[&format!("r.yaml:2:18: `{path}` {why}")]);
        }
    }

    #[test]
    fn a_program_of_several_parts_names_each_by_an_absolute_path() {
        let parts = "{ at: /opt/x, run: \"{at}/bin/python3\", with: [\"-I\"], trees: [\"{at}/lib\", \"{base}/lib/python3.*\"] }";
        let text = GOOD.replacen("/usr/bin/df", parts, 1);
        let candidate = &Recipe::parse("r.yaml", &text).unwrap().programs["df"][0];
        assert_eq!(
            (candidate.path().to_str(), candidate.with.as_slice()),
            (Some("/opt/x/bin/python3"), &["-I".to_owned()][..])
        );
        let why = "is not an absolute path without `.`, `..` and doubled slashes";
        for (parts, expected) in [
            ("{ at: /opt/x }", "2:18: `run` is missing".to_owned()),
            ("{ run: python3 }", format!("2:25: `python3` {why}")),
            (
                "{ run: \"{at}/x\" }",
                "2:25: `{at}` is the folder of the installation: write `at: /…` beside it".to_owned(),
            ),
            ("{ at: /x, run: \"{at}/../x\" }", format!("2:33: `{{at}}/../x` {why}")),
            (
                "{ run: /x, shell: /bin/sh }",
                "2:29: a program has no key `shell`; it has at, run, with, entry, trees, files".to_owned(),
            ),
        ] {
            mistakes("/usr/bin/df", parts, &[&format!("r.yaml:{expected}")]);
        }
    }

    #[test]
    fn p59_no_variable_of_a_recipe_loads_code_or_leads_elsewhere() {
        for name in ["PYTHONPATH", "PYTHONSTARTUP", "LD_AUDIT", "GLIBC_TUNABLES"] {
            let message = format!("r.yaml:3:8: `{name}` would load code into the program");
            mistakes("LANG: C.UTF-8", &format!("{name}: x"), &[&message]);
        }
        for name in ["AWS_CONFIG_FILE", "CLOUDSDK_CONFIG", "https_proxy", "NO_PROXY", "KUBECONFIG"] {
            let message = format!("r.yaml:3:8: `{name}` is set by the runner for each job");
            mistakes("LANG: C.UTF-8", &format!("{name}: x"), &[&message]);
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        mistakes(
            "env: { LANG: C.UTF-8 }\ncredential: none",
            "env: { LD_PRELOAD: /x.so, HOME: /root }\ncredential: root\nfiles: [/etc, /*]",
            &[
                "r.yaml:3:8: `LD_PRELOAD` would load code into the program",
                "r.yaml:3:27: `HOME` is set by the runner for each job",
                "r.yaml:4:13: `root` is not one of none, kubeconfig, aws-files, google-token, job",
                "r.yaml:5:9: this would show a whole top folder of the host; name what is needed below it",
                "r.yaml:5:15: this would show a whole top folder of the host; name what is needed below it",
            ],
        );
    }

    #[test]
    fn limits_are_all_there_and_within_bounds() {
        mistakes("tmp_mib: 1, ", "", &["r.yaml:8:3: `tmp_mib` is missing"]);
        mistakes("open_files: 16", "open_files: 0", &["r.yaml:9:17: `open_files` is a whole number from 16 to 65536"]);
    }
}
