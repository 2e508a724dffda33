//! What a lease becomes inside the jail: files for this job alone, and variables that lead to them.
//!
//! **Invariant:** a secret is in a file that the job alone can read, never in argv and never in a variable; nothing of
//! the host's own configuration is looked at by anybody.

mod aws;
mod gcloud;
mod job;
mod kubeconfig;
mod stack;

use crate::recipe::Credential;
use crate::service::Told;
use crate::stack::Prepared;
use crate::target::Target;
use countersign_core::command::Argv;
use countersign_jail::PrivateFile;
use countersign_secrets::Lease;
use std::collections::BTreeMap;

/// Where the way out begins inside the jail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The private folder.
    pub(crate) home: &'a str,
    /// The proxy's port on the jail's loopback.
    pub(crate) proxy: u16,
    /// What will run.
    pub(crate) steps: &'a [Argv],
    /// Who asked: their name for people, and the directory's.
    pub(crate) requester: &'a str,
    /// How long all of it may take.
    pub(crate) seconds: u64,
    /// Of a Terraform stack, what was prepared for it.
    pub(crate) stack: Option<&'a Prepared>,
    /// Of a service, what its driver is told besides the catalog.
    pub(crate) service: Option<&'a Told<'a>>,
}

/// Files and variables made for one job.
#[derive(Debug, Default)]
pub(crate) struct Private {
    pub(crate) files: Vec<PrivateFile>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Private {
    fn file(&mut self, variable: &str, path: String, content: Vec<u8>) {
        self.set(variable, path.clone());
        self.files.push(PrivateFile { path, content });
    }

    fn set(&mut self, variable: &str, value: impl Into<String>) {
        self.env.insert(variable.to_owned(), value.into());
    }

    /// The way out, as Python's `urllib` and most others read it; for plain http only where that is decided.
    fn proxy(&mut self, port: u16, plain: bool) {
        let address = format!("http://127.0.0.1:{port}");
        self.set("HTTPS_PROXY", address.clone());
        if plain {
            self.set("HTTP_PROXY", address);
        }
    }
}

/// What this credential becomes for this target; `None` if the lease does not hold what it takes.
pub(crate) fn render(
    credential: Credential,
    target: Option<&Target>,
    lease: &Lease,
    around: Surroundings<'_>,
) -> Option<Private> {
    match (credential, target) {
        (Credential::None, _) => Some(Private::default()),
        (Credential::Kubeconfig, Some(Target::Cluster(cluster))) => {
            let who = kubeconfig::User { material: lease.material(), acts_as: lease.impersonation() };
            let content = kubeconfig::render(cluster, who, around.proxy)?;
            let mut private = Private::default();
            private.file("KUBECONFIG", format!("{}/kubeconfig", around.home), content);
            Some(private)
        }
        (Credential::AwsFiles, Some(Target::Profile(profile))) => aws::render(profile, lease.material(), around),
        (Credential::GoogleToken, Some(Target::Project(project))) => gcloud::render(project, lease.material(), around),
        (Credential::Job, Some(target)) => {
            let (invocation, material, acts_as) = (lease.invocation(), lease.material(), lease.impersonation());
            job::render(target, job::Leased { invocation, key: lease.key()?, material, acts_as }, around)
        }
        (Credential::Kubeconfig | Credential::AwsFiles | Credential::GoogleToken | Credential::Job, _) => None,
    }
}
