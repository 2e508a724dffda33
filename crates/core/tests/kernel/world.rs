//! A small world for the kernel's tests: keys, people, and a policy whose answer the test sets.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use base64::Engine as _;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::certificate::{Certificate, Claims, Role};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::digest::Digest;
use countersign_core::effect::{Effect, Touched};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::invocation::{Asked, Invocation, Receipt, Received, Ruling, Tally};
use countersign_core::job::Job;
use countersign_core::policy::{
    Allowance, Canonical, Confirmation, Factor, Facts, Judgement, Policy, PolicyDigests, Request, Rule,
};
use countersign_core::principal::{Account, Principal, Standing, SubjectId};
use countersign_core::refusal::Refusal;
use countersign_core::seal::{Sealed, Sealer, Verifier};
use countersign_core::subject::Subject;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use ed25519_dalek::SigningKey;
use std::time::Duration;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_222_800_000);
pub(crate) const DEPLOYMENT: &str = "test";

pub(crate) struct World {
    pub(crate) gateway: Sealer,
    pub(crate) worker: Sealer,
    pub(crate) foreign_worker: Sealer,
    pub(crate) verifier: Verifier,
    pub(crate) policy: Fixed,
    pub(crate) people: Vec<Principal>,
}

/// A policy that answers what the test says, and parses nothing but what it was given.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) command: Command,
    pub(crate) answer: Result<Allowance, Refusal>,
}

impl Policy for Fixed {
    fn parse_again(&self, _: &Canonical<'_>) -> Result<Command, Box<Refusal>> {
        Ok(self.command.clone())
    }

    fn judge(&self, _: &Request<'_>, _: &Facts) -> Judgement {
        match &self.answer {
            Ok(allowance) => Judgement::Allowed(allowance.clone()),
            Err(refusal) => Judgement::Denied(refusal.clone()),
        }
    }

    fn digests(&self) -> PolicyDigests {
        PolicyDigests { rbac: Digest::of(b"rbac"), catalog: Digest::of(b"catalog") }
    }
}

pub(crate) fn sealer(root: &SigningKey, seed: u8, role: Role, pools: &[&str]) -> Sealer {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let claims = Claims {
        v: 1,
        deployment: DEPLOYMENT.into(),
        key: base64::engine::general_purpose::STANDARD.encode(key.verifying_key().as_bytes()),
        role,
        pools: pools.iter().map(|pool| (*pool).to_owned()).collect(),
        not_before: Timestamp::from_millis(0),
        not_after: NOW.plus(Duration::from_hours(24)),
    };
    Sealer::new(key, Certificate::issue(&claims, root), DEPLOYMENT)
}

pub(crate) fn root() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub(crate) fn person(sub: &str, groups: &[&str]) -> Principal {
    Principal {
        id: SubjectId { iss: "sso".into(), sub: sub.into() },
        name: sub.into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        standing: Standing::Active,
        known_by: "test".into(),
    }
}

pub(crate) fn delete_pod() -> Command {
    let argv = |words: &str| Argv::new(words.split(' ').map(str::to_owned).collect()).unwrap();
    Command::new(CommandParts {
        tool: Tool::Kubectl,
        argv: argv("kubectl delete pods/api-7f --namespace=payments"),
        mode: Mode::Apply,
        action: Action {
            tool: "kubectl".into(),
            verb: "delete".into(),
            scope: Scope { env: Some("prod".into()), target: Some("prod".into()), ..Scope::default() },
            resources: vec![Resource::from_parts(&["k8s", "prod", "ns", "payments", "pods", "api-7f"])],
            tier: Tier::Destructive,
            sensitivity: Sensitivity::Plain,
            reversibility: Reversibility::Irreversible,
            reasons: vec!["deletes pods".into()],
        },
        preview: Some(PreviewPlan {
            steps: vec![argv("kubectl get pods/api-7f --namespace=payments --output=json")],
            form: EffectForm::KubernetesObjects,
        }),
        stdin: None,
        filters: vec![],
    })
    .unwrap()
}

pub(crate) fn allowance(quorum: &str) -> Allowance {
    Allowance {
        tier: Tier::Destructive,
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::Irreversible,
        isolation: Isolation::Strict,
        pool: "prod-write".into(),
        granted_by: vec!["bindings[1]".into()],
        reasons: vec!["deletes pods".into()],
        rules: vec![Rule {
            id: "prod-destructive".into(),
            quorum: quorum.parse().unwrap(),
            factor: Factor::None,
            expires: Duration::from_mins(15),
        }],
        confirmation: Confirmation::NotNeeded,
        budgets: vec![],
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let root = root();
        Self {
            gateway: sealer(&root, 2, Role::Gateway, &[]),
            worker: sealer(&root, 3, Role::Worker, &["prod-write"]),
            foreign_worker: sealer(&root, 4, Role::Worker, &["dev"]),
            verifier: Verifier::new(root.verifying_key(), DEPLOYMENT),
            policy: Fixed { command: delete_pod(), answer: Ok(allowance("2 of sre")) },
            people: vec![
                person("ann", &["engineering", "sre"]),
                person("bob", &["sre"]),
                person("cho", &["sre"]),
                person("dan", &["engineering"]),
            ],
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        self.facts_at(NOW)
    }

    pub(crate) fn facts_at(&self, now: Timestamp) -> Facts {
        Facts::new(now, self.people.clone())
    }

    pub(crate) fn received(&self, trigger: &str) -> Invocation<Received> {
        let id = InvocationId::derive(Origin { deployment: DEPLOYMENT, front: "console", team: "t", trigger }, NOW);
        let receipt = Receipt {
            id,
            deployment: DEPLOYMENT.into(),
            account: account("ann"),
            thread: "1".into(),
            channel: None,
            typed: "/kubectl delete pod api-7f -n payments --context prod --apply".into(),
            reason: None,
            at: NOW,
        };
        Invocation::receive(receipt, self.people[0].clone(), Subject::Command(Box::new(self.policy.command.clone())))
    }

    pub(crate) fn effect(id: InvocationId, uid: &str) -> Effect {
        let pod = Touched {
            verb: "delete".into(),
            kind: "pods".into(),
            namespace: Some("payments".into()),
            name: "api-7f".into(),
            uid: Some(uid.into()),
            changes: vec![],
        };
        Effect::new(DEPLOYMENT.into(), "prod-write".into(), id, vec![pod], None)
    }

    /// Decided, previewed and asked.
    pub(crate) fn asked(&self, trigger: &str) -> (Invocation<Asked>, Sealed<Effect>) {
        let it = self.received(trigger);
        let id = it.id();
        let Ruling::Pending(pending) = it.decide(&self.policy, &self.facts(), &[]) else { panic!("not pending") };
        let effect = Self::effect(id, "uid-1").seal(&self.worker);
        (pending.with_effect(Some(&effect), &self.verifier, NOW).unwrap(), effect)
    }

    pub(crate) fn ballot(&self, it: &Invocation<Asked>, who: &str, vote: Vote) -> Sealed<Ballot> {
        Ballot {
            v: 1,
            deployment: DEPLOYMENT.into(),
            invocation: it.id(),
            decision: it.decision().digest(),
            vote,
            voter: SubjectId { iss: "sso".into(), sub: who.into() },
            account: account(who),
            at: NOW,
            reason: None,
        }
        .seal(&self.gateway)
    }

    /// Asked, approved by Bob and Cho, sealed.
    pub(crate) fn job(&self, trigger: &str) -> (Sealed<Job>, Vec<Sealed<Ballot>>, Sealed<Effect>, InvocationId) {
        let (asked, effect) = self.asked(trigger);
        let id = asked.id();
        let ballots = ["bob", "cho"].map(|who| self.ballot(&asked, who, Vote::Approve)).to_vec();
        let Tally::Cleared(cleared) = asked.tally(&ballots, &self.verifier, &self.facts()) else {
            panic!("not cleared")
        };
        (cleared.into_job(&self.gateway, NOW.plus(Duration::from_mins(5))), ballots, effect, id)
    }
}

pub(crate) fn account(user: &str) -> Account {
    Account { front: "console".into(), team: "t".into(), user: user.into() }
}
