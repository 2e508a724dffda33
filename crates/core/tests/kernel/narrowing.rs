//! Channels and budgets in the kernel: what is carried, asked about again, and counted.

use crate::world::{DEPLOYMENT, Fixed, NOW, World, account, allowance};
use countersign_core::budget::{Budget, Per};
use countersign_core::channel::{Channel, Privacy};
use countersign_core::command::Command;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::invocation::{Invocation, Receipt, Received, Ruling};
use countersign_core::policy::{Canonical, Facts, Judgement, Policy, PolicyDigests, Request};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::subject::Subject;
use countersign_core::warrant::Checked;
use std::time::Duration;

/// Says yes in a private channel alone.
#[derive(Debug)]
struct InPrivate(Fixed);

impl Policy for InPrivate {
    fn parse_again(&self, canonical: &Canonical<'_>) -> Result<Command, Box<Refusal>> {
        self.0.parse_again(canonical)
    }

    fn judge(&self, request: &Request<'_>, facts: &Facts) -> Judgement {
        match request.channel {
            Some(Channel { id, privacy: Privacy::Private }) if id == "C0PROD" => self.0.judge(request, facts),
            _ => Judgement::Denied(Refusal::new(Code::WrongChannel, "not here", "go there")),
        }
    }

    fn digests(&self) -> PolicyDigests {
        self.0.digests()
    }
}

fn received(w: &World, channel: Option<Channel>) -> Invocation<Received> {
    let id = InvocationId::derive(Origin { deployment: DEPLOYMENT, front: "console", team: "t", trigger: "a" }, NOW);
    let receipt = Receipt {
        id,
        deployment: DEPLOYMENT.into(),
        account: account("ann"),
        thread: "1".into(),
        channel,
        typed: "/kubectl delete pod api-7f".into(),
        reason: None,
        at: NOW,
    };
    Invocation::receive(receipt, w.people[0].clone(), Subject::Command(Box::new(w.policy.command.clone())))
}

#[test]
fn p12_the_worker_decides_again_for_the_channel_that_is_in_the_decision() {
    let mut w = World::new();
    w.policy.answer = Ok(allowance("none"));
    let here = Some(Channel::private("C0PROD"));
    let Ruling::Cleared(cleared) = received(&w, here.clone()).decide(&w.policy, &w.facts(), &[]) else { panic!() };
    let decision = cleared.decision().clone();
    assert_eq!(decision.decision().channel, here);
    assert!(decision.text().contains(r#""channel":{"id":"C0PROD","privacy":"private"}"#), "{}", decision.text());
    let id = cleared.id();
    let job = cleared.into_job(&w.gateway, NOW.plus(Duration::from_mins(5)));
    let again = |policy: &dyn Policy| {
        let open = job.open_job(&w.verifier, id, NOW).unwrap();
        open.decide_again(policy, &w.facts(), &[], None, &w.verifier, "prod-write").map(|checked| match checked {
            Checked::Ready(warrant) => warrant,
            Checked::Compare(_) => panic!("nothing was approved"),
        })
    };
    let warrant = again(&InPrivate(w.policy.clone())).unwrap();
    // And while it runs.
    assert!(warrant.ongoing().ask_again(&InPrivate(w.policy.clone()), &w.facts()).is_ok());

    for elsewhere in [None, Some(Channel::named("C0PROD")), Some(Channel::private("C0OTHER"))] {
        let Ruling::Denied(denied) = received(&w, elsewhere).decide(&InPrivate(w.policy.clone()), &w.facts(), &[])
        else {
            panic!()
        };
        assert_eq!(denied.refusal.code(), Code::WrongChannel);
    }
}

/// The decision of a request that came from no channel is the text it always was.
#[test]
fn a_decision_without_a_channel_has_no_such_key() {
    let mut w = World::new();
    w.policy.answer = Ok(allowance("none"));
    let Ruling::Cleared(cleared) = received(&w, None).decide(&w.policy, &w.facts(), &[]) else { panic!() };
    assert!(!cleared.decision().text().contains("channel"));
}

#[test]
fn a_look_at_the_effect_takes_no_unit_and_the_command_one_of_each() {
    let mut w = World::new();
    let budgets = vec![Budget { rule: "ten".into(), units: 10, per: Per::Day }];
    w.policy.answer = Ok(countersign_core::policy::Allowance { budgets: budgets.clone(), ..allowance("2 of sre") });
    let it = w.received("a");
    let id = it.id();
    let Ruling::Pending(pending) = it.decide(&w.policy, &w.facts(), &[]) else { panic!() };
    assert_eq!(pending.budgets(), budgets);
    let preview = pending.preview(&w.gateway).open_preview(&w.verifier, id, NOW).unwrap();
    let look = preview.decide_again(&w.policy, &w.facts(), "prod-write").unwrap();
    assert!(look.budgets().is_empty());
    let (job, ballots, effect, id) = w.job("a");
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, "prod-write").unwrap();
    let Checked::Compare(undrifted) = checked else { panic!() };
    assert!(undrifted.look_again().budgets().is_empty());
    assert_eq!(undrifted.compare(&World::effect(id, "uid-1")).unwrap().budgets(), budgets);
}
