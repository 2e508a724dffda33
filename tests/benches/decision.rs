//! How fast a line is understood and decided: classification, and the whole decision beside plain casbin.
//!
//! The policy has 20 roles, eight tools, four environments, permissions with and without globs, denials among them; who
//! asks is in 50 of 200 groups; one rule in five is about the tool. Plain casbin is the same policy with casbin asked
//! about every line. Goals: classification of each line within 20 us, the whole decision within 50 us at 1,000 rules, at
//! most 1.3 times as long at 10,000 rules as at 100, and the same answer to a million random questions. A yes and a no
//! are printed apart as well: with more rules more is allowed, and a no says who could.
//!
//! `cargo bench -p countersign-tests --bench decision`. A number as the argument is the count of random questions.

#![expect(clippy::unwrap_used, reason = "a bench may stop at what it did not expect")]

mod support;

use countersign_command::{Context, Typed};
use countersign_core::command::Command;
use countersign_core::policy::{Facts, Judgement, Policy as _, Request};
use countersign_core::principal::{Principal, Standing, SubjectId};
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
use countersign_policy::{Overrides, Policy, Source, Sources};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;
use support::{machine, rounds, stopwatch};

const QUESTIONS: usize = 1_000_000;
const ROLES: usize = 20;
const GROUPS: usize = 200;
const HELD: usize = 50;
const TOOLS: [&str; 8] = ["kubectl", "aws", "gcloud", "tf", "deploy", "silence", "disk-usage", "count-lines"];
const ENVIRONMENTS: [&str; 4] = ["dev", "staging", "prod", "lab"];
const NOW: Timestamp = Timestamp::from_millis(1_780_315_200_000);

/// Lines of every tool whose grammar is there, as people type them.
const LINES: [&str; 12] = [
    "/kubectl get pods -n web --context prod",
    "/kubectl get deploy,svc -n payments -o wide --context dev",
    "/kubectl logs deployment/api -n web -c main --tail=50 --context prod",
    "/kubectl describe pod api-7f -n web --context prod",
    "/kubectl get secret api -n web -o yaml --context prod",
    "/kubectl delete pod api-7f -n payments --context prod --apply",
    "/kubectl scale deployment/api --replicas=3 -n web --context dev --apply",
    "/kubectl rollout restart deployment/api -n web --context prod --apply",
    "/kubectl label pod api-7f -n web tier=gold --context dev --apply",
    "/kubectl get pods -A -l app=api --context prod",
    "/disk-usage",
    "/count-lines file=/proc/self/status",
];

/// Lines of the other large tools; the last is as long as they get.
const CLOUDS: [&str; 10] = [
    "/aws dev ec2 describe-instances --instance-ids i-0123456789abcdef0",
    "/aws dev ec2 describe-instances --filters Name=tag:team,Values=web Name=instance-state-name,Values=running \
     --query \"Reservations[].Instances[].InstanceId\" --output text",
    "/aws dev ec2 terminate-instances --instance-ids i-0123456789abcdef0 i-0123456789abcdef1 --apply",
    "/aws dev s3 ls s3://bucket/path",
    "/aws dev rds create-db-instance --db-instance-identifier x --db-instance-class db.t3.micro --engine postgres \
     --allocated-storage 20 --manage-master-user-password",
    "/gcloud prod compute instances list --filter=\"status=RUNNING\" --format=json",
    "/gcloud prod sql instances create side --database-version=POSTGRES_16 --tier=db-f1-micro --region=europe-west1",
    "/gcloud prod run deploy api --image=europe-west1-docker.pkg.dev/example-prod/images/api:v1 --region=europe-west1 \
     --memory=512Mi --cpu=1 --set-env-vars=A=b,C=d --min-instances=1 --max-instances=10 --concurrency=80 --timeout=60",
    "/gcloud prod container clusters create side --zone=europe-west1-b --num-nodes=3 --machine-type=e2-standard-4 \
     --disk-size=100 --network=main --subnetwork=default --enable-autoscaling --min-nodes=1 --max-nodes=5 \
     --release-channel=regular --labels=team=web",
    "/gcloud prod compute instances create web-9 --zone=europe-west1-b --machine-type=e2-small \
     --image-family=debian-12 --image-project=debian-cloud --boot-disk-size=50GB --boot-disk-type=pd-ssd \
     --network=main --subnet=default --tags=http-server,https-server --labels=team=web,env=prod \
     --service-account=api@example-prod.iam.gserviceaccount.com --scopes=cloud-platform \
     --metadata=enable-oslogin=TRUE",
];

/// Lines with a word that is nearly one, where there are hundreds to compare it with.
const MISSPELT: [&str; 5] = [
    "/aws dev ec2 descibe-instances",
    "/aws dev ec2 describe-everything-that-is-there",
    "/aws dev ec2 describe-instances --instance-idss i-1",
    "/gcloud prod compute instnaces list",
    "/kubectl get pods --contxt prod",
];

fn main() {
    let questions = rounds(QUESTIONS);
    println!("{}", machine());
    let times = (questions / 500).max(1);
    let policy = policy(100, 1);
    classification("kubectl and custom", &LINES, &policy, times);
    classification("aws and gcloud", &CLOUDS, &policy, times);
    classification("misspelt", &MISSPELT, &policy, times);
    let commands: Vec<Command> = LINES.iter().map(|line| parse(&policy, line)).collect();
    let all = [100, 1_000, 10_000].map(|rules| decision(rules, questions, &commands));
    let [few, _, many] = all;
    let growth = |of: fn(&Answers) -> Duration| of(&many).as_secs_f64() / of(&few).as_secs_f64();
    let (all, yes, no) = (growth(|it| it.all), growth(|it| it.yes), growth(|it| it.no));
    println!("10,000 rules to 100: {all:.2} (goal 1.3), of a yes {yes:.2}, of a no {no:.2}");
    identical(questions);
}

/// Pseudo-random numbers, the same in every run (Marsaglia, "Xorshift RNGs", 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// rbac.yaml with so many rules: what roles allow, by the groups that hold them, and denials.
fn rbac(rules: usize, seed: u64) -> String {
    let mut chance = Chance(seed);
    let each = (rules / (GROUPS * 10 / 9)).max(1);
    let holders = (rules * 9 / 10 / each).max(1);
    let mut text = String::from("version: 1\nroles:\n");
    for role in 0..ROLES {
        let permissions: Vec<String> = (0..each).map(|_| permission(&mut chance)).collect();
        writeln!(text, "  r{role}: {{ allow: [ {} ] }}", permissions.join(", ")).unwrap();
    }
    text.push_str("bindings:\n");
    for nth in 0..holders {
        let env = ENVIRONMENTS[chance.below(ENVIRONMENTS.len())];
        let only = if chance.below(2) == 0 { format!(", env: {env}") } else { String::new() };
        let at = if chance.below(3) == 0 { format!(", only: {{ resource: \"k8s/*/ns/team-{nth}\" }}") } else { only };
        writeln!(text, "  - {{ group: g{}, role: r{}{at} }}", nth % GROUPS, chance.below(ROLES)).unwrap();
    }
    text.push_str("deny:\n");
    for nth in 0..(rules / 10) {
        let (tool, env) = (tool(&mut chance), ENVIRONMENTS[chance.below(ENVIRONMENTS.len())]);
        let group = chance.below(GROUPS);
        writeln!(
            text,
            "  - {{ id: d{nth}, tool: {tool}, env: {env}, tier: destructive, resource: \"k8s/*/ns/locked-{nth}-*\", \
             unless_group: g{group}, why: \"it is locked\" }}"
        )
        .unwrap();
    }
    text.push_str(
        "sensitive: { allow: grant, or: \"1 of g0\" }\napprovals:\n  - { id: c, tier: change, env: prod, quorum: \"1 \
         of g0\" }\n  - { id: d, tier: destructive, quorum: \"2 of g0\" }\n",
    );
    text
}

/// One in five is about any one tool: one in eight names it, and some name all.
fn tool(chance: &mut Chance) -> &'static str {
    if chance.below(12) == 0 { "\"*\"" } else { TOOLS[chance.below(TOOLS.len())] }
}

fn permission(chance: &mut Chance) -> String {
    let tier = ["read", "change", "[read, change]", "[read, change, destructive]"][chance.below(4)];
    let at = match chance.below(4) {
        0 => format!(", resource: \"k8s/*/ns/team-{}\"", chance.below(50)),
        1 => ", resource: \"k8s/*/ns/we*\"".to_owned(),
        _ => String::new(),
    };
    format!("{{ tool: {}, tier: {tier}{at} }}", tool(chance))
}

fn policy(rules: usize, seed: u64) -> Policy {
    let catalog = include_str!("../../catalog.yaml").replace("  staging: {}\n", "  staging: {}\n  lab: {}\n");
    let sources =
        Sources { rbac: Source::new("rbac.yaml", rbac(rules, seed)), catalog: Source::new("catalog.yaml", catalog) };
    Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn person(chance: &mut Chance) -> Principal {
    let from = chance.below(GROUPS);
    Principal {
        id: SubjectId { iss: "idp".to_owned(), sub: "ann".to_owned() },
        name: "Ann".to_owned(),
        groups: (0..HELD).map(|nth| format!("g{}", (from + nth * 3) % GROUPS)).collect(),
        standing: Standing::Active,
        known_by: "bench".to_owned(),
    }
}

fn parse(policy: &Policy, line: &str) -> Command {
    match countersign_command::parse(line, &Context::default(), policy.vocabulary()) {
        Ok(Typed::Run { command, .. }) => command,
        other => panic!("`{line}`: {other:?}"),
    }
}

/// The middle one of many, each measured alone; nothing of none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn classification(what: &str, lines: &[&str], policy: &Policy, times: usize) {
    let understand = |line: &str| countersign_command::parse(line, &Context::default(), policy.vocabulary());
    let one = |line: &str| stopwatch(|| drop(black_box(understand(black_box(line)))));
    let all: Vec<Duration> = lines.iter().map(|line| median((0..times).map(|_| one(line)).collect())).collect();
    let slowest = all.iter().copied().max().unwrap();
    println!(
        "classification, {what}: p50 {:.1} us over {} lines, slowest line {:.1} us (goal 20 us, misspelt 200)",
        micros(median(all)),
        lines.len(),
        micros(slowest)
    );
}

fn judged(policy: &Policy, who: &Principal, command: &Command, facts: &Facts) -> Judgement {
    policy.judge(&Request { principal: who, command, channel: None, at_least: Tier::Read }, facts)
}

/// Middle times: of all answers, of those that allow, and of those that do not.
struct Answers {
    all: Duration,
    yes: Duration,
    no: Duration,
}

fn answers(policy: &Policy, people: &[Principal], commands: &[Command], times: usize) -> Answers {
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    for nth in 0..times.max(1) {
        let (who, command) = (&people[nth % people.len()], &commands[nth % commands.len()]);
        let facts = Facts::new(NOW, [who.clone()]);
        let mut is_yes = false;
        let taken = stopwatch(|| {
            let answer = black_box(judged(policy, black_box(who), black_box(command), &facts));
            is_yes = matches!(answer, Judgement::Allowed(_));
        });
        if is_yes { yes.push(taken) } else { no.push(taken) }
    }
    Answers { all: median([&yes[..], &no].concat()), yes: median(yes), no: median(no) }
}

fn decision(rules: usize, questions: usize, commands: &[Command]) -> Answers {
    let (policy, plain) = (policy(rules, 1), policy(rules, 1).without_index());
    let mut chance = Chance(7);
    let people: Vec<Principal> = (0..40).map(|_| person(&mut chance)).collect();
    let ours = answers(&policy, &people, commands, questions / 50);
    let theirs = answers(&plain, &people, commands, questions / 1_000);
    println!(
        "decision, {rules} rules: p50 {:.1} us (a yes {:.1}, a no {:.1}), plain casbin {:.1} us, {:.3} of it",
        micros(ours.all),
        micros(ours.yes),
        micros(ours.no),
        micros(theirs.all),
        ours.all.as_secs_f64() / theirs.all.as_secs_f64()
    );
    ours
}

/// The same answer, from a new policy every thousand questions; one in ten is large.
fn identical(questions: usize) {
    let mut chance = Chance(11);
    let (mut asked, mut different, mut allowed) = (0_usize, 0_usize, 0_usize);
    while asked < questions {
        let seed = 1 + chance.below(1 << 30) as u64;
        let rules = if chance.below(10) == 0 { 100 + chance.below(400) } else { 10 + chance.below(30) };
        let (policy, plain) = (policy(rules, seed), policy(rules, seed).without_index());
        let commands: Vec<Command> = LINES.iter().map(|line| parse(&policy, line)).collect();
        for _ in 0..(questions - asked).min(1_000) {
            let (who, command) = (person(&mut chance), &commands[chance.below(commands.len())]);
            let facts = Facts::new(NOW, [who.clone()]);
            let (ours, theirs) = (judged(&policy, &who, command, &facts), judged(&plain, &who, command, &facts));
            different += usize::from(ours != theirs);
            allowed += usize::from(matches!(ours, Judgement::Allowed(_)));
            asked += 1;
        }
    }
    println!("{asked} random questions, {allowed} of them allowed: {different} answers differ from plain casbin's");
    assert_eq!(different, 0, "the index changes an answer");
}
