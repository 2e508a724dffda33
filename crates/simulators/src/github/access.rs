//! What a token may see: nothing of a private repository that it is not for, and there no more than it was given.

use axum::http::HeaderMap;

use super::pages::Answer;
use super::repository::Repository;
use super::state::GithubState;

/// What a fine-grained token may read, beside a repository's metadata.
///
/// Source: GitHub Docs, "Permissions required for fine-grained personal access tokens".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Commits and comparisons.
    Contents,
    /// Pull requests and reviews.
    PullRequests,
    /// Check runs.
    Checks,
    /// Commit statuses.
    Statuses,
    /// Workflow runs and artifacts.
    Actions,
    /// Attestations.
    Attestations,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Contents, Self::PullRequests, Self::Checks, Self::Statuses, Self::Actions, Self::Attestations];
}

/// What a person may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read.
    Read,
    /// Read, and order issues.
    Triage,
    /// Push.
    Write,
    /// Push, and some settings.
    Maintain,
    /// Everything.
    Admin,
}

impl Role {
    /// Source: GitHub Docs, "Get repository permissions for a user": the attribute `permission`.
    pub(super) const fn permission(self) -> &'static str {
        match self {
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    /// An app's has none.
    pub(super) holder: Option<u64>,
    pub(super) repositories: Vec<String>,
    pub(super) may: Vec<Permission>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    Anybody,
    Token(Token),
}

impl Caller {
    /// Source: GitHub Docs, "Authenticating to the REST API": `Bearer` and `token` mean the same.
    pub(super) fn of(state: &GithubState, headers: &HeaderMap) -> Result<Self, Answer> {
        let Some(header) = headers.get("authorization") else { return Ok(Self::Anybody) };
        let text = header.to_str().unwrap_or_default();
        let token = text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("token "));
        let known = token.and_then(|token| state.tokens.get(token));
        known.cloned().map(Self::Token).ok_or_else(|| Answer::refused(401, "Bad credentials"))
    }

    /// A repository that the caller may not see answers as one that is not there.
    pub(super) fn sees(&self, repository: &Repository) -> bool {
        repository.is_public || self.is_for(repository)
    }

    fn is_for(&self, repository: &Repository) -> bool {
        match self {
            Self::Anybody => false,
            Self::Token(token) => token.repositories.iter().any(|name| repository.is(name)),
        }
    }

    /// Public things need no permission.
    pub(super) fn may(&self, repository: &Repository, permission: Permission) -> Result<(), Answer> {
        let has = match self {
            Self::Anybody => false,
            Self::Token(token) => self.is_for(repository) && token.may.contains(&permission),
        };
        if repository.is_public || has {
            return Ok(());
        }
        Err(Answer::refused(403, "Resource not accessible by personal access token"))
    }

    /// Who may write is told to apps, and to those who may write themselves.
    pub(super) fn may_ask_about_people(&self, repository: &Repository) -> Result<(), Answer> {
        match self {
            Self::Anybody => Err(Answer::refused(401, "Requires authentication")),
            Self::Token(token) => match token.holder {
                None if self.is_for(repository) => Ok(()),
                Some(holder) if self.is_for(repository) && repository.role_of(holder) >= Some(Role::Write) => Ok(()),
                _ => Err(Answer::refused(403, "Must have push access to view collaborator permission.")),
            },
        }
    }
}
