//! A stack as the catalog describes it.

use super::refused::refused;
use crate::port::RunFault;
use crate::target::{Endpoint, HostPort};
use countersign_core::refusal::{Code, shown};
use countersign_forge::{Forge, ForgeError, Settings};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// All questions about one commit take no longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// A longer token is none.
const LONGEST_TOKEN: u64 = 4_096;

/// A folder of a repository, whose branch is reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    source: Source,
    branch: String,
    folder: String,
    hosts: Vec<HostPort>,
    here: Option<Endpoint>,
    review: Review,
}

/// A repository and what proves that we may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its address, https or file.
    pub address: String,
    /// A file with the token that can read it, if it is not public.
    pub credential: Option<PathBuf>,
    /// A file with the authorities to trust, in PEM; the host's own if absent.
    pub authorities: Option<PathBuf>,
}

/// What an apply must show of the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// Nothing.
    None,
    /// That it was merged, approved by somebody else, and is green. Without somebody who knows nothing is applied.
    Required(Option<Reviewer>),
}

/// Who knows what was reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewer {
    /// The address of GitHub's API.
    pub address: String,
    /// `owner/name`.
    pub repository: String,
    /// A file with a token.
    pub token: Option<PathBuf>,
    /// Authorities of the address, PEM.
    pub ca_pem: Option<String>,
    /// The checks that must be green; without one every one that ran.
    pub checks: BTreeSet<String>,
}

/// Why the catalog's words are no stack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAStack {
    /// A host.
    #[error("`{0}` is neither host:port nor, on this very host, http://127.0.0.1:port")]
    Host(String),
    /// Inside the jail one port of the loopback leads out.
    #[error("a stack connects to at most one http://127.0.0.1:port of the worker's host")]
    Loopbacks,
}

impl Stack {
    /// A stack that may connect to these hosts.
    ///
    /// # Errors
    /// [`NotAStack`].
    pub fn new(
        source: Source,
        (branch, folder): (&str, &str),
        hosts: &[String],
        review: Review,
    ) -> Result<Self, NotAStack> {
        let (mut tls, mut here) = (Vec::new(), None);
        for text in hosts {
            let wrong = || NotAStack::Host(text.clone());
            if text.starts_with("http://") {
                let endpoint: Endpoint = text.parse().map_err(|_| wrong())?;
                if here.replace(endpoint).is_some() {
                    return Err(NotAStack::Loopbacks);
                }
            } else {
                tls.push(text.parse().map_err(|_| wrong())?);
            }
        }
        let (branch, folder) = (branch.to_owned(), folder.to_owned());
        Ok(Self { source, branch, folder, hosts: tls, here, review })
    }

    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn branch(&self) -> &str {
        &self.branch
    }

    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    pub(crate) fn hosts(&self) -> &[HostPort] {
        &self.hosts
    }

    /// What of the worker's own host it reaches, without TLS.
    pub(crate) fn here(&self) -> Option<&HostPort> {
        self.here.as_ref().map(Endpoint::at)
    }

    pub(crate) fn address(&self) -> &str {
        &self.source.address
    }

    /// What is known of the review of a commit, a line each.
    pub(super) async fn reviewed(&self, commit: &str) -> Result<Vec<String>, RunFault> {
        let Review::Required(reviewer) = &self.review else {
            return Ok(vec!["review: none is asked for (`review: none` in catalog.yaml)".to_owned()]);
        };
        let Some(reviewer) = reviewer else {
            let sentence = "nobody is named who knows whether the commit was reviewed".to_owned();
            let hint =
                "Tell the operators: `github` of the repository in catalog.yaml, or `review: none` of the stack.";
            return Err(refused(Code::NotReviewed, sentence, hint));
        };
        let it = reviewer.forge()?.review(commit, &self.branch, &reviewer.checks).await.map_err(|error| no(&error))?;
        let merged = it.merged_by.map(|by| format!(", merged by {}", shown(&by))).unwrap_or_default();
        let names = |all: &[String]| all.iter().map(|one| shown(one)).collect::<Vec<_>>().join(", ");
        Ok(vec![
            format!("pull request #{} by {}{merged}: {}", it.pull, shown(&it.author), shown(&it.title)),
            format!("approved by {}; green: {}", names(&it.approved_by), names(&it.checks)),
        ])
    }
}

impl Source {
    pub(super) fn repository(&self) -> countersign_git::Repository {
        countersign_git::Repository {
            credential: self.credential.clone(),
            authorities: self.authorities.clone(),
            ..countersign_git::Repository::at(&self.address)
        }
    }
}

impl Reviewer {
    fn forge(&self) -> Result<Forge, RunFault> {
        let unreadable = |what: &str| {
            let sentence = format!("the token that reads what was reviewed {what}");
            refused(Code::SourceUnavailable, sentence, "Tell the operators: `github.credential` in catalog.yaml.")
        };
        let token = match &self.token {
            None => None,
            Some(path) => {
                use std::io::Read as _;
                let mut text = String::new();
                let file = std::fs::File::open(path).map_err(|_| unreadable("cannot be read"))?;
                file.take(LONGEST_TOKEN).read_to_string(&mut text).map_err(|_| unreadable("is not text"))?;
                Some(text.trim().to_owned().into())
            }
        };
        let settings = Settings {
            address: self.address.clone(),
            repository: self.repository.clone(),
            token,
            ca_pem: self.ca_pem.clone(),
            proxy: None,
            deadline: PATIENCE,
            artifact_hosts: Vec::new(),
        };
        Forge::new(settings).map_err(|error| no(&error))
    }
}

fn no(error: &ForgeError) -> RunFault {
    match error {
        ForgeError::NotReviewed(why) => refused(
            Code::NotReviewed,
            why.to_string(),
            "Only what was merged, approved by somebody else and is green is applied.",
        ),
        error => refused(
            Code::SourceUnavailable,
            error.to_string(),
            "Ask again; if it stays, tell the operators of the workers.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_reaches_what_is_listed_and_one_port_here() {
        let source = Source { address: "https://git.example/x.git".into(), credential: None, authorities: None };
        let of = |hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            Stack::new(source.clone(), ("main", "dev"), &hosts, Review::None)
        };
        let stack = of(&["s3.eu-west-1.amazonaws.com:443", "http://127.0.0.1:5000"]).unwrap();
        assert_eq!(stack.hosts().len(), 1);
        assert_eq!(stack.here().unwrap().to_string(), "127.0.0.1:5000");
        assert_eq!(of(&["http://10.0.0.1:80"]), Err(NotAStack::Host("http://10.0.0.1:80".into())));
        assert_eq!(of(&["s3.amazonaws.com"]), Err(NotAStack::Host("s3.amazonaws.com".into())));
        assert_eq!(of(&["http://127.0.0.1:1", "http://127.0.0.1:2"]), Err(NotAStack::Loopbacks));
    }
}
