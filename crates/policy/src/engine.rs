//! casbin: deny, allow, or nothing, and which lines said so.
//!
//! **Invariant:** casbin decides, over every line that could be about the request; every line is
//! compiled here, with exactly ten columns and `allow` or `deny` spelled so; an error is a no.

mod index;

use crate::pattern::{Pattern, SEPARATOR, covers, touches};
use crate::rbac::{Binding, Deny, Holder, Rbac};
use crate::rbac_file::narrowed;
use crate::selector::{Selector, Sight, Words};
use casbin::function_map::{OperatorFunction, dynamic_to_str};
use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};
use countersign_core::action::Resource;
use countersign_core::principal::Principal;
use countersign_core::tier::Tier;
use index::{Index, Permissions, Runs, Sought};
use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

const MODEL: &str = include_str!("../../../policies/model.conf");

/// Selects everything.
const ANY: &str = "*";

/// Selects nobody: no name of the file and no principal can spell it.
const NOBODY: &str = "!";

/// An environment that the action does not name; no environment can be called so.
const UNKNOWN_ENV: &str = "?";

/// Ends a name in the list of what a principal is; no name of the file holds it.
const END: char = '\n';

const ALLOW: &str = "allow";
const DENY: &str = "deny";

/// A compiled policy.
pub(crate) struct Engine {
    /// Holds the lines that the question in hand is about. casbin looks at every line it has, a
    /// microsecond each, so it gets no others.
    enforcer: Mutex<Enforcer>,
    index: Index,
    /// Whether casbin is asked about every line all the same.
    whole: bool,
}

/// Somebody, as the lines name people.
pub(crate) struct Asker {
    names: String,
    about: Runs,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// casbin allows empty requests when it has no lines, so it never gets none.
    #[error("the rules permit nothing to anybody")]
    Empty,
    /// A batch with a line that is there already is dropped whole.
    #[error("the policy engine took none of the rules")]
    NotTaken,
    /// It never waits, because nothing it reads is outside of memory.
    #[error("the policy engine waits for something")]
    Waits,
    /// It refused the model or a line.
    #[error("the policy engine refuses the rules")]
    Refused(#[source] casbin::Error),
}

/// What the lines say about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A line allows it, the first of those that do, and none denies: `bindings[1] roles.viewer.allow[0]`.
    Allowed(String),
    /// A line denies it: the id of the deny rule.
    Denied(String),
    /// No line is about it.
    Nothing,
    /// The engine failed, which is a no.
    Broken,
}

/// One line, in the order of the columns of the model.
type Line = Vec<String>;

impl Engine {
    pub(crate) fn compile(rbac: &Rbac) -> Result<Self, CompileError> {
        Self::of_lines(lines(rbac))
    }

    fn of_lines(lines: Vec<Line>) -> Result<Self, CompileError> {
        if lines.is_empty() {
            return Err(CompileError::Empty);
        }
        let mut enforcer = now(build())?;
        enforcer.enable_auto_save(false);
        enforcer.add_function(
            "among",
            OperatorFunction::Arg2(|who, name| among(&dynamic_to_str(&who), &dynamic_to_str(&name)).into()),
        );
        enforcer.add_function(
            "word",
            OperatorFunction::Arg2(|word, list| listed(&dynamic_to_str(&word), &dynamic_to_str(&list)).into()),
        );
        enforcer.add_function(
            "place",
            OperatorFunction::Arg3(|env, list, eft| {
                place(&dynamic_to_str(&env), &dynamic_to_str(&list), &dynamic_to_str(&eft)).into()
            }),
        );
        enforcer.add_function(
            "glob",
            OperatorFunction::Arg3(|obj, list, eft| {
                glob(&dynamic_to_str(&obj), &dynamic_to_str(&list), &dynamic_to_str(&eft)).into()
            }),
        );
        let distinct: BTreeSet<Line> = lines.into_iter().collect();
        let lines: Vec<Line> = distinct.into_iter().collect();
        // All of them once, so that a line that casbin does not take is noticed here.
        let taken = now(enforcer.add_policies(lines.clone()))?;
        if !taken {
            return Err(CompileError::NotTaken);
        }
        Ok(Self { enforcer: Mutex::new(enforcer), index: Index::of(lines), whole: false })
    }

    /// The same policy, with casbin asked about every line: what the index is compared with.
    pub(crate) fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// Who asks, to be named in each question.
    pub(crate) fn asker(&self, principal: &Principal) -> Asker {
        let names = who(principal);
        let about = self.index.about(names.split(END));
        Asker { names, about }
    }

    /// What the lines say about this person doing this to this resource.
    pub(crate) fn ask(&self, asker: &Asker, sight: &Sight<'_>, resource: &Resource) -> Verdict {
        let sought = Sought {
            tool: sight.tool,
            verb: sight.verb,
            tier: sight.tier.as_str(),
            env: sight.env.unwrap_or(UNKNOWN_ENV),
            resource: resource.as_str(),
        };
        if self.whole {
            return self.decide(&self.index.lines().iter().collect::<Vec<_>>(), asker, sought);
        }
        let found = self.index.candidates(&asker.about, sought, Permissions::First);
        match self.decide(&found.lines, asker, sought) {
            // One permission is enough to say yes; to say no, casbin has seen all of them.
            Verdict::Nothing if found.more => {
                self.decide(&self.index.candidates(&asker.about, sought, Permissions::All).lines, asker, sought)
            }
            verdict => verdict,
        }
    }

    /// What casbin says about these lines.
    fn decide(&self, lines: &[&Line], asker: &Asker, sought: Sought<'_>) -> Verdict {
        if lines.is_empty() {
            return Verdict::Nothing;
        }
        let Ok(mut enforcer) = self.enforcer.lock() else { return Verdict::Broken };
        if !put(&mut enforcer, lines) {
            return Verdict::Broken;
        }
        let request = (asker.names.as_str(), sought.tool, sought.verb, sought.tier, sought.env, sought.resource);
        verdict(enforcer.enforce_ex(request))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("lines", &self.index.lines().len()).finish_non_exhaustive()
    }
}

/// These lines, and no others, are what casbin looks at next.
fn put(enforcer: &mut Enforcer, lines: &[&Line]) -> bool {
    let sections = enforcer.get_mut_model().get_mut_model();
    let Some(policy) = sections.get_mut("p").and_then(|section| section.get_mut("p")) else { return false };
    if policy.policy.len() != lines.len() || !policy.policy.iter().eq(lines.iter().copied()) {
        policy.policy.clear();
        policy.policy.extend(lines.iter().map(|line| (*line).clone()));
    }
    policy.policy.len() == lines.len()
}

fn verdict(answer: casbin::Result<(bool, Vec<Line>)>) -> Verdict {
    match answer {
        // Allowed by no line is casbin's answer when it has none; it is not ours.
        Ok((true, said)) => match said.first().and_then(|line| line.last()) {
            Some(id) => Verdict::Allowed(id.clone()),
            None => Verdict::Broken,
        },
        Err(_) => Verdict::Broken,
        Ok((false, said)) => {
            let decider = said.last().filter(|line| line.iter().any(|column| column == DENY));
            match decider.and_then(|line| line.last()) {
                Some(id) => Verdict::Denied(id.clone()),
                None => Verdict::Nothing,
            }
        }
    }
}

async fn build() -> casbin::Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    Enforcer::new(model, MemoryAdapter::default()).await
}

/// The value of a future that never waits, without a runtime around it.
fn now<T>(future: impl Future<Output = casbin::Result<T>>) -> Result<T, CompileError> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(done) => done.map_err(CompileError::Refused),
        Poll::Pending => Err(CompileError::Waits),
    }
}

/// What a principal is, for `among`: itself and its groups, each with a prefix and an end.
fn who(principal: &Principal) -> String {
    let mut list = String::from(END);
    // What holds a separator could be read as two names, so it is none; no rule can name it anyway.
    if !principal.id.iss.contains(['#', END]) && !principal.id.sub.contains(END) {
        list.push_str("user:");
        list.push_str(&principal.id.to_string());
        list.push(END);
    }
    for group in principal.groups.iter().filter(|group| !group.contains(END)) {
        list.push_str("group:");
        list.push_str(group);
        list.push(END);
    }
    list
}

fn among(who: &str, names: &str) -> bool {
    names == ANY || names.split(SEPARATOR).any(|name| who.contains(&format!("{END}{name}{END}")))
}

fn listed(word: &str, list: &str) -> bool {
    list == ANY || list.split(SEPARATOR).any(|one| one == word)
}

/// An unknown place is every place to a denial and no place to a permission.
fn place(env: &str, list: &str, eft: &str) -> bool {
    listed(env, list) || (env == UNKNOWN_ENV && eft == DENY)
}

fn glob(resource: &str, list: &str, eft: &str) -> bool {
    list == ANY
        || list
            .split(SEPARATOR)
            .any(|pattern| if eft == ALLOW { covers(pattern, resource) } else { touches(pattern, resource) })
}

fn lines(rbac: &Rbac) -> Vec<Line> {
    let denies = rbac.denies.iter().map(deny);
    let allows = rbac.bindings.iter().flat_map(|binding| allows(rbac, binding));
    denies.chain(allows).collect()
}

fn deny(rule: &Deny) -> Line {
    let unless: Vec<String> = rule.unless.iter().map(|group| format!("group:{group}")).collect();
    let unless = if unless.is_empty() { NOBODY.to_owned() } else { join(&unless) };
    line(ANY, &rule.selector, &[], &unless, DENY, &rule.id)
}

fn allows(rbac: &Rbac, binding: &Binding) -> Vec<Line> {
    let holder = match &binding.holder {
        Holder::Group(group) => format!("group:{group}"),
        Holder::Subject(subject) => format!("user:{subject}"),
    };
    let role = rbac.roles.get(&binding.role);
    let permissions = role.map(|role| role.allow.as_slice()).unwrap_or_default();
    let narrow = permissions.iter().filter_map(|one| Some((one, narrowed(one, binding)?)));
    narrow
        .map(|(one, selector)| {
            let id = format!("{} {}", binding.id, one.id);
            line(&holder, &selector, &binding.only.resources, NOBODY, ALLOW, &id)
        })
        .collect()
}

fn line(who: &str, selector: &Selector, within: &[Pattern], unless: &str, eft: &str, id: &str) -> Line {
    let tiers: Vec<String> =
        Tier::ALL.into_iter().filter(|tier| selector.has_tier(*tier)).map(|tier| tier.as_str().to_owned()).collect();
    vec![
        who.to_owned(),
        words(&selector.tool),
        words(&selector.verb),
        join(&tiers),
        words(&selector.env),
        patterns(&selector.resources),
        patterns(within),
        unless.to_owned(),
        eft.to_owned(),
        id.to_owned(),
    ]
}

fn words(words: &Words) -> String {
    match words {
        Words::Any => ANY.to_owned(),
        Words::OneOf(words) => join(&words.iter().cloned().collect::<Vec<_>>()),
    }
}

fn patterns(patterns: &[Pattern]) -> String {
    if patterns.is_empty() {
        return ANY.to_owned();
    }
    join(&patterns.iter().map(|one| one.as_str().to_owned()).collect::<Vec<_>>())
}

fn join(parts: &[String]) -> String {
    parts.join(&SEPARATOR.to_string())
}

#[cfg(test)]
mod tests;
