//! What the kernel must hold whatever gateway, queue and directory do.

mod input;
mod narrowing;
mod revocation;
mod world;

use countersign_core::advice::Advice;
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::certificate::Role;
use countersign_core::command::{Argv, Command, EffectForm, PreviewPlan, Tool};
use countersign_core::digest::Digest;
use countersign_core::invocation::{AskedRecord, Resumed, Ruling, Tally};
use countersign_core::job::Job;
use countersign_core::policy::{Confirmation, Factor};
use countersign_core::principal::{Principal, Standing};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::revocation::{Draft, Revocation};
use countersign_core::seal::{SealError, Sealed, Verifier};
use countersign_core::tier::{Isolation, Mode, Tier};
use countersign_core::warrant::{Checked, CredentialClass, Errand};
use ed25519_dalek::Signer as _;
use std::time::Duration;
use world::{NOW, World, allowance, person, root, sealer};

/// Makes a policy's answer looser than the kernel's floor.
type Loosen = fn(&mut World);

const POOL: &str = "prod-write";

#[track_caller]
fn refused(checked: Result<Checked, Box<Refusal>>) -> Code {
    checked.map(|_| "a warrant").expect_err("must be refused").code()
}

#[test]
fn the_whole_way_gives_one_warrant_with_the_destructive_credential() {
    let w = World::new();
    let (job, ballots, effect, id) = w.job("a");
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL).unwrap();
    let Checked::Compare(undrifted) = checked else { panic!("an approved effect must be compared") };
    let look = undrifted.look_again();
    assert_eq!((look.errand(), look.credential()), (Errand::Preview, CredentialClass::Preview));
    assert!(!look.needs_fate());
    let warrant = undrifted.compare(&World::effect(id, "uid-1")).unwrap();
    assert_eq!(warrant.credential(), CredentialClass::Destructive);
    assert_eq!(warrant.steps(), vec![w.policy.command.argv().clone()]);
    assert_eq!((warrant.ballots().len(), warrant.needs_fate()), (2, true));
}

/// Every byte of the job on the wire, changed one at a time.
#[test]
fn p01_a_job_with_any_byte_changed_opens_nowhere() {
    let w = World::new();
    let (job, _, _, id) = w.job("a");
    let wire = serde_json::to_string(&job).unwrap();
    for at in 0..wire.len() {
        let mut bytes = wire.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let Ok(forged) = serde_json::from_str::<Sealed<Job>>(&text) else { continue };
        if forged == job {
            continue;
        }
        assert!(forged.open_job(&w.verifier, id, NOW).is_err(), "byte {at} of {wire}");
    }
}

#[test]
fn p01_a_job_of_a_foreign_root_role_deployment_or_purpose_opens_nowhere() {
    let w = World::new();
    let (job, ballots, _, id) = w.job("a");
    let foreign = Verifier::new(sealer(&root(), 9, Role::Gateway, &[]).public_key(), "test");
    assert_eq!(job.open_job(&foreign, id, NOW).unwrap_err(), SealError::Uncertified);
    let elsewhere = Verifier::new(root().verifying_key(), "other");
    assert_eq!(job.open_job(&elsewhere, id, NOW).unwrap_err(), SealError::Uncertified);
    let revoked = Verifier::new(root().verifying_key(), "test");
    let note = Revocation { v: 1, deployment: "test".into(), key: w.gateway.key_id(), from: NOW, reason: "x".into() };
    let note = Draft::of(&note);
    let signature = root().sign(&note.message()).to_bytes();
    revoked.learn(&note.signed(signature)).unwrap();
    assert!(matches!(job.open_job(&revoked, id, NOW).unwrap_err(), SealError::Revoked(_)));
    let ballot_as_job: Sealed<Job> = serde_json::from_str(&serde_json::to_string(&ballots[0]).unwrap()).unwrap();
    assert_eq!(ballot_as_job.open_job(&w.verifier, id, NOW).unwrap_err(), SealError::Forged);
    // A worker that holds a certificate still seals no job, ballot or request.
    let by_worker = World { gateway: sealer(&root(), 3, Role::Worker, &[POOL]), ..World::new() };
    let (asked, _) = by_worker.asked("a");
    let ballot = by_worker.ballot(&asked, "bob", Vote::Approve);
    assert_eq!(ballot.open(&w.verifier, id, NOW).unwrap_err(), SealError::WrongRole(Role::Worker));
    assert_eq!(
        asked.record(&by_worker.gateway).resume(&w.verifier, id, NOW).unwrap_err(),
        SealError::WrongRole(Role::Worker)
    );
}

#[test]
fn p01_a_value_served_under_another_id_is_refused() {
    let w = World::new();
    let (job, _, _, a) = w.job("a");
    let (other, ballots_b, effect_b, b) = w.job("b");
    assert_eq!(job.open_job(&w.verifier, b, NOW).unwrap_err(), SealError::OtherInvocation);
    let (asked, _) = w.asked("b");
    assert_eq!(asked.record(&w.gateway).resume(&w.verifier, a, NOW).unwrap_err(), SealError::OtherInvocation);
    // Ballots and effect of b do not help a.
    let open = job.open_job(&w.verifier, a, NOW).unwrap();
    let code = refused(open.decide_again(&w.policy, &w.facts(), &ballots_b, Some(&effect_b), &w.verifier, POOL));
    assert_eq!(code, Code::MoreApprovalNeeded);
    drop(other);
}

#[test]
fn p02_an_expired_job_is_refused_by_seal_and_by_decision() {
    let w = World::new();
    let (job, ballots, effect, id) = w.job("a");
    let late = NOW.plus(Duration::from_mins(6));
    assert!(matches!(job.open_job(&w.verifier, id, late).unwrap_err(), SealError::Expired(_)));
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let code = refused(open.decide_again(&w.policy, &w.facts_at(late), &ballots, Some(&effect), &w.verifier, POOL));
    assert_eq!(code, Code::Expired);
}

#[test]
fn p06_the_requester_never_counts() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let ballots = ["ann", "bob"].map(|who| w.ballot(&asked, who, Vote::Approve));
    let Tally::Waiting(waiting) = asked.tally(&ballots, &w.verifier, &w.facts()) else { panic!("must wait") };
    assert_eq!(waiting.rules[0].2.filled(), 1);
}

#[test]
fn p06_a_second_account_of_the_requester_is_the_requester() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let mut own: Ballot = w.ballot(&asked, "ann", Vote::Approve).open(&w.verifier, asked.id(), NOW).unwrap();
    own.account = world::account("ann-private-phone");
    let ballots = [own.seal(&w.gateway), w.ballot(&asked, "bob", Vote::Approve)];
    assert!(matches!(asked.tally(&ballots, &w.verifier, &w.facts()), Tally::Waiting(_)));
}

#[test]
fn p07_one_person_from_two_accounts_counts_once() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let first = w.ballot(&asked, "bob", Vote::Approve);
    let mut second = first.open(&w.verifier, asked.id(), NOW).unwrap();
    second.account = world::account("bob-other-workspace");
    let ballots = [first, second.seal(&w.gateway)];
    let Tally::Waiting(waiting) = asked.tally(&ballots, &w.verifier, &w.facts()) else { panic!("must wait") };
    assert_eq!(waiting.rules[0].2.filled(), 1);
}

#[test]
fn p08_a_ballot_for_another_decision_is_void() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let mut other = w.ballot(&asked, "bob", Vote::Approve).open(&w.verifier, asked.id(), NOW).unwrap();
    other.decision = countersign_core::digest::Digest::of(b"what was shown before");
    let ballots = [other.seal(&w.gateway), w.ballot(&asked, "cho", Vote::Approve)];
    assert!(matches!(asked.tally(&ballots, &w.verifier, &w.facts()), Tally::Waiting(_)));
}

#[test]
fn p08_a_worker_that_reads_another_command_out_of_it_refuses() {
    let mut w = World::new();
    let (job, ballots, effect, id) = w.job("a");
    let mut parts = w.policy.command.parts().clone();
    parts.argv = parts.argv.with(&["--force"]).unwrap();
    w.policy.command = countersign_core::command::Command::new(parts).unwrap();
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let code = refused(open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL));
    assert_eq!(code, Code::CommandChanged);
}

#[test]
fn p08_another_effect_than_the_approved_one_is_refused_and_drift_is_found() {
    let w = World::new();
    let (job, ballots, _, id) = w.job("a");
    let other = World::effect(id, "uid-2").seal(&w.worker);
    for effect in [None, Some(&other)] {
        let open = job.open_job(&w.verifier, id, NOW).unwrap();
        let code = refused(open.decide_again(&w.policy, &w.facts(), &ballots, effect, &w.verifier, POOL));
        assert_eq!(code, Code::CommandChanged);
    }
    let (job, ballots, effect, id) = w.job("b");
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL).unwrap();
    let Checked::Compare(undrifted) = checked else { panic!("must compare") };
    let refusal = undrifted.compare(&World::effect(id, "uid-2")).unwrap_err();
    assert_eq!(refusal.code(), Code::Drifted);
    assert!(refusal.to_string().contains("uid-2"), "{refusal}");
}

#[test]
fn p08_an_effect_of_another_pool_or_role_is_refused() {
    let w = World::new();
    let it = w.received("a");
    let id = it.id();
    let Ruling::Pending(pending) = it.decide(&w.policy, &w.facts(), &[]) else { panic!("not pending") };
    let by_dev = World::effect(id, "uid-1").seal(&w.foreign_worker);
    assert_eq!(by_dev.open(&w.verifier, id, NOW).unwrap_err(), SealError::WrongPool);
    let by_gateway = World::effect(id, "uid-1").seal(&w.gateway);
    assert_eq!(
        pending.with_effect(Some(&by_gateway), &w.verifier, NOW).unwrap_err(),
        SealError::WrongRole(Role::Gateway)
    );
}

#[test]
fn p12_an_approver_who_lost_the_group_or_left_no_longer_counts_at_execution() {
    let changes: [fn(&mut Principal); 2] = [|p| p.groups.clear(), |p| p.standing = Standing::Deactivated];
    for change in changes {
        let mut w = World::new();
        let (job, ballots, effect, id) = w.job("a");
        change(&mut w.people[1]);
        let open = job.open_job(&w.verifier, id, NOW).unwrap();
        let code = refused(open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL));
        assert_eq!(code, Code::MoreApprovalNeeded);
    }
}

#[test]
fn p12_a_requester_who_left_or_is_now_denied_does_not_run() {
    let mut w = World::new();
    let (job, ballots, effect, id) = w.job("a");
    w.people[0].standing = Standing::Deactivated;
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let code = refused(open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL));
    assert_eq!(code, Code::Deactivated);

    let mut w = World::new();
    w.policy.answer = Err(Refusal::new(Code::Denied, "no", "no"));
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let code = refused(open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL));
    assert_eq!(code, Code::Denied);
}

#[test]
fn p12_a_stricter_policy_at_the_worker_wins() {
    for (stricter, code) in [
        (allowance("3 of sre"), Code::MoreApprovalNeeded),
        (
            {
                let mut a = allowance("2 of sre");
                a.confirmation = Confirmation::Required;
                a
            },
            Code::MoreApprovalNeeded,
        ),
        (
            {
                let mut a = allowance("2 of sre");
                a.isolation = Isolation::Job;
                a
            },
            Code::CommandChanged,
        ),
        (
            {
                let mut a = allowance("2 of sre");
                a.rules.clear();
                a
            },
            Code::NoApprovalRule,
        ),
    ] {
        let mut w = World::new();
        let (job, ballots, effect, id) = w.job("a");
        w.policy.answer = Ok(stricter);
        let open = job.open_job(&w.verifier, id, NOW).unwrap();
        let found = refused(open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL));
        assert_eq!(found, code);
    }
}

#[test]
fn p35_the_kernel_has_a_floor_of_its_own() {
    let cases: [(&str, Loosen, Code); 4] = [
        ("a lowered tier", |w| w.policy.answer.as_mut().unwrap().tier = Tier::Read, Code::Floor),
        ("no rule", |w| w.policy.answer.as_mut().unwrap().rules.clear(), Code::NoApprovalRule),
        ("no isolation", |w| w.policy.answer.as_mut().unwrap().isolation = Isolation::None, Code::Floor),
        (
            "a factor nobody can give",
            |w| w.policy.answer.as_mut().unwrap().rules[0].factor = Factor::StepUp,
            Code::NotAvailableYet,
        ),
    ];
    for (what, change, code) in cases {
        let mut w = World::new();
        change(&mut w);
        let Ruling::Denied(denied) = w.received("a").decide(&w.policy, &w.facts(), &[]) else { panic!("{what}") };
        assert_eq!(denied.refusal.code(), code, "{what}");
    }
}

#[test]
fn p35_a_policy_below_the_advice_is_refused() {
    let mut w = World::new();
    let mut parts = w.policy.command.parts().clone();
    parts.action.tier = Tier::Read;
    w.policy.command = countersign_core::command::Command::new(parts).unwrap();
    w.policy.answer.as_mut().unwrap().tier = Tier::Read;
    let advice = [Advice::raise(Tier::Change, "looks like a write")];
    let Ruling::Denied(denied) = w.received("a").decide(&w.policy, &w.facts(), &advice) else { panic!("must deny") };
    assert_eq!(denied.refusal.code(), Code::Floor);
}

#[test]
fn p40_one_reject_beats_any_number_of_approvals_at_gateway_and_worker() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let reject = w.ballot(&asked, "cho", Vote::Reject);
    let all = [w.ballot(&asked, "bob", Vote::Approve), w.ballot(&asked, "cho", Vote::Approve), reject.clone()];
    let Tally::Denied(_, refusal) = asked.tally(&all, &w.verifier, &w.facts()) else { panic!("must be denied") };
    assert_eq!(refusal.code(), Code::Rejected);
    let (job, mut ballots, effect, id) = w.job("a");
    ballots.push(reject);
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let code = refused(open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL));
    assert_eq!(code, Code::Rejected);
}

#[test]
fn strangers_and_people_outside_the_group_fill_nothing() {
    let mut w = World::new();
    w.people.push(person("eve", &["sre"]));
    w.people[4].standing = Standing::Guest;
    let (asked, _) = w.asked("a");
    let ballots = ["dan", "eve", "nobody"].map(|who| w.ballot(&asked, who, Vote::Approve));
    let Tally::Waiting(waiting) = asked.tally(&ballots, &w.verifier, &w.facts()) else { panic!("must wait") };
    assert_eq!(waiting.rules[0].2.filled(), 0);
}

#[test]
fn p29_an_expired_request_is_over_even_with_every_ballot() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let ballots = ["bob", "cho"].map(|who| w.ballot(&asked, who, Vote::Approve));
    let late = w.facts_at(NOW.plus(Duration::from_mins(15)));
    let Tally::Denied(_, refusal) = asked.tally(&ballots, &w.verifier, &late) else { panic!("must be over") };
    assert_eq!(refusal.code(), Code::Expired);
}

#[test]
fn a_restarted_gateway_resumes_exactly_what_it_sealed() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let (id, digest) = (asked.id(), asked.decision().digest());
    let record: Sealed<AskedRecord> =
        serde_json::from_str(&serde_json::to_string(&asked.record(&w.gateway)).unwrap()).unwrap();
    let Resumed::Asked(again) = record.resume(&w.verifier, id, NOW).unwrap() else { panic!("was asked") };
    assert_eq!((again.decision().digest(), again.receipt()), (digest, asked.receipt()));
}

/// A record must not be a way around the ballots, not even one that the gateway's own key sealed.
#[test]
fn what_people_had_to_agree_to_is_not_brought_back_as_cleared() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let id = asked.id();
    let ballots = ["bob", "cho"].map(|who| w.ballot(&asked, who, Vote::Approve));
    let Tally::Cleared(cleared) = asked.tally(&ballots, &w.verifier, &w.facts()) else { panic!("all agreed") };
    let refused = cleared.record(&w.gateway).resume(&w.verifier, id, NOW).unwrap_err();
    assert!(matches!(refused, SealError::Inconsistent(_)), "{refused}");
}

#[test]
fn a_dry_run_gets_the_preview_credential_and_runs_the_previews_steps() {
    let mut w = World::new();
    let mut parts = w.policy.command.parts().clone();
    parts.mode = Mode::DryRun;
    w.policy.command = countersign_core::command::Command::new(parts).unwrap();
    w.policy.answer.as_mut().unwrap().rules.clear();
    let it = w.received("a");
    let id = it.id();
    let Ruling::Cleared(cleared) = it.decide(&w.policy, &w.facts(), &[]) else { panic!("a look needs nobody") };
    let job = cleared.into_job(&w.gateway, NOW.plus(Duration::from_mins(5)));
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let checked = open.decide_again(&w.policy, &w.facts(), &[], None, &w.verifier, POOL).unwrap();
    let Checked::Ready(warrant) = checked else { panic!("nothing to compare") };
    assert_eq!(warrant.credential(), CredentialClass::Preview);
    assert_eq!(warrant.steps(), w.policy.command.preview().unwrap().steps);
}

/// Whoever writes the queue must not be able to write the log.
#[test]
fn p01_a_forged_ballot_is_not_part_of_what_a_warrant_rests_on() {
    let w = World::new();
    let (job, mut ballots, effect, id) = w.job("a");
    let forger = World { gateway: sealer(&root(), 3, Role::Worker, &[POOL]), ..World::new() };
    let (asked, _) = forger.asked("a");
    ballots.insert(0, forger.ballot(&asked, "ann", Vote::Reject));
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL).unwrap();
    let Checked::Compare(undrifted) = checked else { panic!("must compare") };
    let warrant = undrifted.compare(&World::effect(id, "uid-1")).unwrap();
    let real: Vec<String> = ballots[1..].iter().map(|one| serde_json::to_string(one).unwrap()).collect();
    assert_eq!(warrant.ballots(), real);
    let filled = &warrant.filled()[0].2;
    assert!(filled.is_complete());
}

/// A plan runs code that nobody may have reviewed: whoever agreed to it, it gets what only reads.
#[test]
fn p09_a_plan_of_whatever_revision_only_reads_and_is_bound_to_what_was_shown() {
    for (verb, want) in
        [("plan ref", CredentialClass::Read), ("plan", CredentialClass::Read), ("apply", CredentialClass::Destructive)]
    {
        let mut w = World::new();
        let mut parts = w.policy.command.parts().clone();
        parts.tool = Tool::Tf;
        let argv = |words: &[&str]| Argv::new(words.iter().map(|word| (*word).to_owned()).collect()).unwrap();
        parts.argv = argv(&["tf", "plan", "dev"]);
        let steps = vec![argv(&["tf", "diff", "dev"])];
        parts.preview = Some(PreviewPlan { steps, form: EffectForm::Text });
        parts.action.tool = "tf".into();
        parts.action.verb = verb.into();
        w.policy.command = Command::new(parts).unwrap();
        let it = w.received("a");
        let id = it.id();
        let Ruling::Pending(pending) = it.decide(&w.policy, &w.facts(), &[]) else { panic!("not pending") };
        let plan = Some(Digest::of(b"plan"));
        let effect = World::effect(id, "uid-1").with_plan(plan).seal(&w.worker);
        let asked = pending.with_effect(Some(&effect), &w.verifier, NOW).unwrap();
        let ballots = ["bob", "cho"].map(|who| w.ballot(&asked, who, Vote::Approve)).to_vec();
        let Tally::Cleared(cleared) = asked.tally(&ballots, &w.verifier, &w.facts()) else { panic!("not cleared") };
        let job = cleared.into_job(&w.gateway, NOW.plus(Duration::from_mins(5)));
        let open = job.open_job(&w.verifier, id, NOW).unwrap();
        let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL).unwrap();
        let Checked::Compare(undrifted) = checked else { panic!("must compare") };
        let look = undrifted.look_again();
        assert_eq!((look.credential(), look.plan()), (CredentialClass::Preview, plan));
        let warrant = undrifted.compare(&World::effect(id, "uid-1").with_plan(plan)).unwrap();
        assert_eq!((warrant.credential(), warrant.plan()), (want, plan), "{verb}");
    }
}
