//! What gcloud lines become.

use countersign_command::vocabulary::{Project, Threshold};
use countersign_command::{Context, Typed, Vocabulary, parse, parse_again};
use countersign_core::action::Resource;
use countersign_core::command::Command;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Refusal;
use countersign_core::tier::{Mode, Sensitivity, Tier};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::fmt::Write as _;

/// The generated table of commands: path, positionals, flags.
const TABLE: &str = include_str!("../../data/gcloud.tsv");

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    for env in ["dev", "prod"] {
        vocabulary.environments.insert(env.to_owned());
        let project = Project { env: env.to_owned(), id: format!("example-{env}") };
        vocabulary.projects.insert(env.to_owned(), project);
    }
    vocabulary.thresholds.push(Threshold { objects: 4, tier: Tier::Destructive });
    vocabulary
}

fn typed(text: &str) -> Result<Command, Box<Refusal>> {
    match parse(text, &Context::default(), &vocabulary())? {
        Typed::Run { command, .. } => Ok(command),
        Typed::Ask(asked) => panic!("{text} asks {asked:?}"),
    }
}

#[track_caller]
fn run(text: &str) -> Command {
    typed(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}; {}", refusal.hint()))
}

/// argv, what policy sees, and the steps that show the effect.
#[track_caller]
fn becomes(text: &str, want: Expect) {
    let command = run(text);
    let action = command.action();
    let resources: Vec<&str> = action.resources.iter().map(Resource::as_str).collect();
    let mut got = format!(
        "{}\n{} {} {} {} in {}\n{}",
        command.argv(),
        command.mode(),
        action.tier,
        action.sensitivity,
        action.reversibility,
        action.scope.region.as_deref().unwrap_or("no region"),
        resources.join(" "),
    );
    for step in command.preview().iter().flat_map(|plan| &plan.steps) {
        write!(got, "\n  {step}").expect("a string takes everything");
    }
    want.assert_eq(&got);
}

/// Each line is what stands after `/gcloud dev`, and the code it is refused with after `=>`.
#[track_caller]
fn all_refused(cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (text, code) = case.rsplit_once(" => ").expect("a case has a code");
        let text = format!("/gcloud dev {text}");
        match typed(&text) {
            Err(refusal) => {
                assert_eq!(refusal.code().as_str(), code, "{text}: {refusal}");
                assert!(refusal.rule().is_some() && !refusal.hint().is_empty(), "{text}");
            }
            Ok(command) => panic!("{text} was accepted: {}", command.argv()),
        }
    }
}

fn reads_back(command: &Command) {
    let canonical = Canonical {
        tool: command.tool(),
        argv: command.argv(),
        mode: command.mode(),
        scope: &command.action().scope,
        stdin: None,
        filters: &[],
    };
    assert_eq!(parse_again(&canonical, &vocabulary()).as_ref(), Ok(command), "{}", command.argv());
}

#[test]
fn reads() {
    becomes(
        "/gcloud dev compute instances list --filter 'status=RUNNING' --format='table(name,status)' --zones=a",
        expect![[r#"
        gcloud compute instances list --filter=status=RUNNING --zones=a '--format=table(name,status)' --project=example-dev --quiet
        apply read plain none-needed in no region
        gcp/dev/compute.instances/*"#]],
    );
    becomes(
        "/gcloud prod compute instances describe web-1 --zone europe-west1-b",
        expect![[r#"
        gcloud compute instances describe web-1 --zone=europe-west1-b --project=example-prod --quiet
        apply read plain none-needed in europe-west1
        gcp/prod/compute.instances/web-1"#]],
    );
    becomes(
        "/gcloud dev --format json storage ls -r gs://assets/img",
        expect![[r#"
        gcloud storage ls gs://assets/img --recursive --format=json --project=example-dev --quiet
        apply read plain none-needed in no region
        gcp/dev/storage/assets∕img"#]],
    );
    becomes(
        "/gcloud dev logging read 'resource.type=\"gce_instance\"' --limit 5 --project=example-dev",
        expect![[r#"
        gcloud logging read 'resource.type="gce_instance"' --limit=5 --project=example-dev --quiet
        apply read plain none-needed in no region
        gcp/dev/logging/*"#]],
    );
    becomes(
        "/gcloud dev iam roles describe roles/viewer",
        expect![[r#"
        gcloud iam roles describe roles/viewer --quiet
        apply read plain none-needed in no region
        gcp/dev/iam.roles/roles∕viewer"#]],
    );
    becomes(
        "/gcloud dev compute backend-services export web --global",
        expect![[r#"
        gcloud compute backend-services export web --global --project=example-dev --quiet
        apply read plain none-needed in no region
        gcp/dev/compute.backend-services/web"#]],
    );
}

#[test]
fn changes() {
    becomes(
        "/gcloud dev compute instances stop web-1 web-2 --zone=europe-west1-b --async",
        expect![[r#"
        gcloud compute instances stop web-1 web-2 --async --zone=europe-west1-b --project=example-dev --quiet
        dry-run destructive plain reversible in europe-west1
        gcp/dev/compute.instances/web-1 gcp/dev/compute.instances/web-2
          gcloud compute instances describe web-1 --zone=europe-west1-b --project=example-dev --quiet
          gcloud compute instances describe web-2 --zone=europe-west1-b --project=example-dev --quiet"#]],
    );
    becomes(
        "/gcloud dev compute instances create web-9 --zone=us-east1-c --no-boot-disk-auto-delete --image-project=debian-cloud --image-family=debian-12 --disk=name=a --disk=name=b --apply",
        expect![[r#"
        gcloud compute instances create web-9 --no-boot-disk-auto-delete --disk=name=a --disk=name=b --image-family=debian-12 --image-project=debian-cloud --zone=us-east1-c --project=example-dev --quiet
        apply change plain reversible in us-east1
        gcp/dev/compute.instances/web-9
          gcloud compute instances list --project=example-dev --quiet"#]],
    );
    becomes(
        "/gcloud prod run deploy api --image=eu.gcr.io/shared/api@sha256:1 --region=europe-west1 --apply",
        expect![[r#"
        gcloud run deploy api --image=eu.gcr.io/shared/api@sha256:1 --region=europe-west1 --project=example-prod --quiet
        apply change plain reversible in europe-west1
        gcp/prod/run/api
          gcloud run services list --region=europe-west1 --project=example-prod --quiet"#]],
    );
    becomes(
        "/gcloud prod secrets versions destroy 3 --secret=api-key",
        expect![[r#"
        gcloud secrets versions destroy 3 --secret=api-key --project=example-prod --quiet
        dry-run destructive plain irreversible in no region
        gcp/prod/secrets.versions/3
          gcloud secrets versions describe 3 --secret=api-key --project=example-prod --quiet"#]],
    );
    becomes(
        "/gcloud prod projects add-iam-policy-binding example-prod --member=user:ann@example.com --role=roles/viewer",
        expect![[r#"
        gcloud projects add-iam-policy-binding example-prod --member=user:ann@example.com --role=roles/viewer --project=example-prod --quiet
        dry-run destructive plain reversible in no region
        gcp/prod/projects/example-prod
          gcloud projects get-iam-policy example-prod --project=example-prod --quiet"#]],
    );
    becomes(
        "/gcloud dev storage rm --recursive gs://assets/old",
        expect![[r#"
        gcloud storage rm gs://assets/old --recursive --project=example-dev --quiet
        dry-run destructive plain irreversible in no region
        gcp/dev/storage/assets∕old
          gcloud storage ls gs://assets/old --recursive --project=example-dev --quiet"#]],
    );
    becomes(
        "/gcloud dev container clusters resize web --num-nodes=3 --zone=europe-west1-b",
        expect![[r#"
        gcloud container clusters resize web --num-nodes=3 --zone=europe-west1-b --project=example-dev --quiet
        dry-run change plain reversible in europe-west1
        gcp/dev/container.clusters/web
          gcloud container clusters describe web --zone=europe-west1-b --project=example-dev --quiet"#]],
    );
    becomes(
        "/gcloud dev scheduler jobs create http nightly --schedule='0 1 * * *' --uri=https://example.com --location=europe-west1",
        expect![[r#"
        gcloud scheduler jobs create http nightly --location=europe-west1 '--schedule=0 1 * * *' --uri=https://example.com --project=example-dev --quiet
        dry-run change plain reversible in europe-west1
        gcp/dev/scheduler.jobs/nightly
          gcloud scheduler jobs list --location=europe-west1 --project=example-dev --quiet"#]],
    );
    becomes(
        "/gcloud dev sql backups create --instance=orders",
        expect![[r#"
        gcloud sql backups create --instance=orders --project=example-dev --quiet
        dry-run change plain reversible in no region
        gcp/dev/sql.backups/orders
          gcloud sql backups list --instance=orders --project=example-dev --quiet"#]],
    );
    becomes(
        "/gcloud dev compute project-info add-metadata --metadata=a=b",
        expect![[r#"
        gcloud compute project-info add-metadata --metadata=a=b --project=example-dev --quiet
        dry-run change plain reversible in no region
        gcp/dev/compute.project-info/dev
          gcloud compute project-info describe --project=example-dev --quiet"#]],
    );
    becomes(
        "/gcloud dev pubsub topics publish orders --message=hello",
        expect![[r#"
        gcloud pubsub topics publish orders --message=hello --project=example-dev --quiet
        dry-run change plain irreversible in no region
        gcp/dev/pubsub.topics/orders
          gcloud pubsub topics describe orders --project=example-dev --quiet"#]],
    );
}

#[test]
fn p14_what_is_not_spelled_out_is_refused() {
    all_refused(
        "
        compute instances => unknown-verb
        compute instance list => unknown-verb
        compute instances lst => unknown-verb
        alpha compute instances list => unknown-verb
        beta run services list => unknown-verb
        preview compute instances list => unknown-verb
        compute instances list --forma=json => unknown-flag
        compute instances list --filt=x => unknown-flag
        compute instances list --nonsense => unknown-flag
        compute instances list --Format=json => unknown-flag
        --zones=a compute instances list => unknown-flag
        compute instances list -format=json => unknown-flag
        compute instances list -qf => unknown-flag
        compute instances delete a --zone=z -qy => unknown-flag
        compute instances list --limit=1 --limit=2 => repeated-flag
        compute instances delete a --zone=a --zone=b => repeated-flag
        compute instances list --format=json --format=yaml => repeated-flag
        compute instances list --uri --no-uri => repeated-flag
        compute instances list --quiet -q => repeated-flag
        compute instances list --project=example-dev --project=example-dev => repeated-flag
        compute instances list --uri=true => bad-value
        compute instances list --limit => missing-value
        compute instances list --limit --uri => missing-value
        compute instances list --filter -x => missing-value
        compute instances list --format='file://x' => bad-value
        compute instances list --verbosity=debug => bad-value
        compute instances describe => missing-target
        compute instances describe a b => unexpected-argument
        compute zones list a b -- c => unexpected-argument
        compute instances describe '' => bad-value
        compute instances list -- --project=x => unexpected-argument
        ",
    );
}

#[test]
fn p16_no_file_of_the_worker() {
    all_refused(
        "
        compute instances create a --metadata-from-file=startup-script=/etc/passwd => worker-files
        compute instances create a --metadata-from-file startup-script=x => worker-files
        compute instances list --flags-file=/etc/passwd => worker-files
        --flags-file /etc/passwd compute instances list => worker-files
        compute instances create a --csek-key-file=/etc/passwd => worker-files
        compute instances create a --create-disk=csek-key-file=/etc/passwd => worker-files
        secrets create a --data-file=/etc/passwd => worker-files
        secrets create a --data-file=- => worker-files
        secrets versions add a --data-file=/etc/passwd => worker-files
        secrets versions access 1 --secret=a --out-file=/tmp/x => worker-files
        storage cp /etc/passwd gs://b/o => worker-files
        storage cp gs://b/o /tmp/o => worker-files
        storage cp gs://b/o - => unknown-flag
        storage cp gs://b/o . => worker-files
        storage cp file:///etc/passwd gs://b/o => worker-files
        storage cp s3://b/o gs://b/o => worker-files
        storage cp -I gs://b/o => worker-files
        storage cp --read-paths-from-stdin gs://b/o => worker-files
        storage cp -L /tmp/x gs://a/b gs://b/c => worker-files
        storage cp --manifest-path=/tmp/x gs://a/b gs://b/c => worker-files
        storage rsync . gs://b => worker-files
        storage mv a gs://b => worker-files
        storage cat /etc/passwd => worker-files
        storage hash /etc/passwd => worker-files
        storage ls /etc => worker-files
        storage du -X /etc/passwd gs://b => worker-files
        run deploy a --source=. => worker-files
        run deploy a => worker-files
        run deploy a --image=x --env-vars-file=/etc/passwd => worker-files
        run services replace service.yaml => worker-files
        functions deploy f => worker-files
        functions deploy f --source=. => worker-files
        functions deploy f --source=/etc => worker-files
        workflows deploy w => worker-files
        builds submit => worker-files
        builds submit gs://b/x.tgz --tag=x => worker-files
        builds triggers import --source=x => worker-files
        deploy apply --file=x => worker-files
        deploy releases create r --delivery-pipeline=p => worker-files
        projects set-iam-policy example-dev policy.json => worker-files
        compute instances set-iam-policy a policy.json => worker-files
        compute url-maps import m => worker-files
        compute url-maps import m --source=x => worker-files
        compute url-maps export m --destination=/tmp/x => worker-files
        compute ssl-certificates create c --certificate=a --private-key=b => worker-files
        dns record-sets import zone.txt --zone=z => worker-files
        dns record-sets export /tmp/x --zone=z => worker-files
        dns record-sets transaction start --zone=z => worker-files
        kms decrypt --ciphertext-file=a --plaintext-file=b => worker-files
        kms encrypt --key=k => worker-files
        kms keys versions get-public-key 1 --key=k --output-file=/tmp/x => worker-files
        iam service-accounts keys upload key.pem --iam-account=a@example-dev.iam.gserviceaccount.com => worker-files
        iam roles create r --file=r.yaml => worker-files
        artifacts files download f --destination=/tmp => worker-files
        container clusters get-credentials c => worker-files
        container clusters create c --autoprovisioning-config-file=x => worker-files
        spanner databases ddl update d --instance=i --ddl-file=x => worker-files
        pubsub schemas create s --type=avro --definition-file=x => worker-files
        logging metrics create m --config-from-file=x => worker-files
        spanner instances move i --target-config=c --target-database-move-configs=a.yaml => worker-files
        ",
    );
}

#[test]
fn p21_no_credential_endpoint_or_configuration_is_picked() {
    for flag in [
        "access-token-file",
        "account",
        "authority-selector",
        "authorization-token-file",
        "billing-project",
        "configuration",
        "credential-file-override",
        "http-timeout",
        "impersonate-service-account",
        "trace-token",
        "universe-domain",
    ] {
        for text in [
            format!("compute instances list --{flag}=x"),
            format!("compute instances list --{flag} x"),
            format!("--{flag}=x compute instances list"),
            format!("--{flag} x compute instances list"),
            format!("compute --{flag}=x instances list"),
            format!("compute instances list \"--{flag}=x\""),
            format!("compute instances list '--{flag}' x"),
        ] {
            all_refused(&format!("{text} => flag-not-allowed"));
        }
        all_refused(&format!("compute instances list --{}=x => unknown-flag", &flag[..flag.len() - 1]));
    }
    all_refused(
        "
        compute instances list --log-http => flag-not-allowed
        --log-http compute instances list => flag-not-allowed
        compute instances list --no-user-output-enabled => flag-not-allowed
        compute instances list --help => interactive
        compute instances list -h => interactive
        auth print-access-token => flag-not-allowed
        auth print-identity-token => flag-not-allowed
        auth application-default print-access-token => flag-not-allowed
        auth login => flag-not-allowed
        config set project other => flag-not-allowed
        config config-helper => flag-not-allowed
        components update => flag-not-allowed
        info => flag-not-allowed
        init => interactive
        iam service-accounts keys create key.json --iam-account=a@example-dev.iam.gserviceaccount.com => flag-not-allowed
        iam service-accounts sign-jwt a b --iam-account=a@example-dev.iam.gserviceaccount.com => flag-not-allowed
        storage sign-url gs://b/o => flag-not-allowed
        storage hmac create a@example-dev.iam.gserviceaccount.com => flag-not-allowed
        sql generate-login-token => flag-not-allowed
        artifacts print-settings npm => flag-not-allowed
        compute reset-windows-password a => flag-not-allowed
        sql users set-password u --instance=i --password=x => secret-in-command
        sql users set-password u --instance=i --prompt-for-password => interactive
        compute ssh a => interactive
        compute scp a b:c => interactive
        compute start-iap-tunnel a 22 => interactive
        compute connect-to-serial-port a => interactive
        compute instances tail-serial-port-output a => interactive
        sql connect i => interactive
        run services proxy s => interactive
        logging tail => interactive
        ",
    );
}

#[test]
fn p24_secrets_are_sensitive() {
    for text in [
        "secrets versions access latest --secret=api",
        "secrets versions access projects/example-dev/secrets/api/versions/latest",
        "redis instances get-auth-string cache --region=europe-west1",
        "services api-keys get-key-string k",
        "compute instances get-serial-port-output a --zone=z",
        "storage cat gs://b/o",
        "container clusters describe c --format='value(masterAuth.clientKey)'",
        "container clusters list --flatten=masterAuth --format=json",
        "pubsub subscriptions pull s",
        "spanner databases execute-sql d --instance=i --sql='select 1'",
        "services api-keys create --display-name=x",
    ] {
        let command = run(&format!("/gcloud dev {text}"));
        assert_eq!(command.action().sensitivity, Sensitivity::Sensitive, "{text}");
    }
    assert_eq!(run("/gcloud dev secrets describe api").action().sensitivity, Sensitivity::Plain);
}

#[test]
fn p38_nothing_leads_out_of_the_project() {
    all_refused(
        "
        compute instances list --project=other => unknown-target
        compute instances list --project other => unknown-target
        --project=other compute instances list => unknown-target
        compute instances list --project=123456 => unknown-target
        compute instances list --project= => unknown-target
        compute instances describe projects/other/zones/z/instances/a => unknown-target
        compute instances describe https://www.googleapis.com/compute/v1/projects/other/zones/z/instances/a => unknown-target
        compute instances describe https://evil.example/compute/v1/zones/z/instances/a => bad-value
        compute instances describe a --zone=projects/other/zones/z => unknown-target
        compute instances list --zones=https://www.googleapis.com/compute/v1/projects/other/zones/z => unknown-target
        compute instances delete projects/other/zones/z/instances/a --apply => unknown-target
        compute instances delete a projects%2Fother%2Fzones/z/instances/b => unknown-target
        compute instances delete a projects%252Fother%252Fzones/z/instances/b => bad-value
        iam workforce-pools delete p --location=global => unknown-target
        compute firewall-policies delete 123 => unknown-target
        secrets versions access latest --secret=projects/other/secrets/api => unknown-target
        secrets versions access projects/other/secrets/api/versions/1 => unknown-target
        kms keys list --keyring=projects/other/locations/l/keyRings/k => unknown-target
        kms keys versions destroy 1 --key=projects/other/locations/l/keyRings/k/cryptoKeys/c => unknown-target
        compute networks peerings delete p --network=projects/other/global/networks/n => unknown-target
        pubsub topics delete projects/other/topics/t => unknown-target
        pubsub subscriptions create s --topic=projects/other/topics/t => unknown-target
        pubsub subscriptions create s --topic=t --topic-project=other => unknown-target
        container subnets list-usable --network-project=other => unknown-target
        projects describe other => unknown-target
        projects describe 123456 => unknown-target
        projects delete other => unknown-target
        projects add-iam-policy-binding other --member=user:a@example.com --role=roles/owner => unknown-target
        projects create other => unknown-target
        logging read x --organization=1 => unknown-target
        logging read x --folder=1 => unknown-target
        logging read x --billing-account=1 => unknown-target
        logging read x --resource-names=projects/other => unknown-target
        iam roles describe r --organization=1 => unknown-target
        iam service-accounts describe a@other.iam.gserviceaccount.com => unknown-target
        iam service-accounts delete a@other.iam.gserviceaccount.com => unknown-target
        iam service-accounts describe 123456789 => unknown-target
        iam service-accounts keys list --iam-account=a@other.iam.gserviceaccount.com => unknown-target
        iam service-accounts disable 1-compute@developer.gserviceaccount.com => unknown-target
        artifacts docker images list europe-docker.pkg.dev/other/repo => unknown-target
        container images list --repository=gcr.io/other => unknown-target
        container images delete gcr.io/other/api => unknown-target
        logging sinks create s bigquery.googleapis.com/projects/other/datasets/d => unknown-target
        compute shared-vpc enable other => unknown-target
        ",
    );
    for text in [
        "compute instances describe projects/example-dev/zones/z/instances/a",
        "compute instances describe https://www.googleapis.com/compute/v1/projects/example-dev/zones/z/instances/a",
        "projects describe example-dev",
        "logging read 'logName=\"projects/other/logs/x\"'",
        "compute instances create a --subnet=projects/shared/regions/r/subnetworks/s --image=projects/debian-cloud/global/images/d",
        "artifacts docker images list europe-docker.pkg.dev/example-dev/repo",
        "iam service-accounts describe a@example-dev.iam.gserviceaccount.com",
        "pubsub topics describe projects/example-dev/topics/t",
    ] {
        let command = run(&format!("/gcloud dev {text}"));
        assert_eq!(command.action().scope.target.as_deref(), Some("dev"));
    }
}

/// A line of the table as words of a command, each positional and some of the flags filled in.
fn line_of(spec: &str, choose: &[bool], value: &str) -> String {
    let mut fields = spec.split('\t');
    let mut next = || fields.next().unwrap_or_default();
    let (path, positionals, flags) = (next(), next(), next());
    let mut words = vec!["/gcloud dev".to_owned(), path.to_owned()];
    let project = path.starts_with("projects ") || positionals.contains("PROJECT_ID");
    let storage = path.starts_with("storage ");
    for positional in positionals.split(' ').filter(|one| !one.is_empty()) {
        words.push(
            if project {
                "example-dev"
            } else if storage {
                "gs://bucket/object"
            } else {
                value
            }
            .to_owned(),
        );
        if positional.ends_with(['+', '*']) && !project {
            words.push(format!("{}-2", words.last().expect("the one before")));
        }
    }
    for (flag, chosen) in flags.split(' ').filter(|one| !one.is_empty()).zip(choose.iter().cycle()) {
        let name = flag.split('|').next().unwrap_or_default();
        // Not all of them at once, and none that takes a file.
        if name.len() % 3 > 0 || name.ends_with(['@', '%']) {
            continue;
        }
        match (name.split_at(name.len() - 1), chosen) {
            ((name, "~"), true) => words.push(format!("--no-{name}")),
            ((name, "~"), false) | ((name, "!" | "?"), _) => words.push(format!("--{name}")),
            ((name, "+"), true) => words.push(format!("--{name}=a --{name} b")),
            ((name, "+"), false) => words.push(format!("--{name} a")),
            (_, true) => words.push(format!("--{name} {value}")),
            (_, false) => words.push(format!("--{name}='{value} x'")),
        }
    }
    words.join(" ")
}

fn specs() -> Vec<&'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#')).collect()
}

/// Verbs that change something, by the first word of the last one: no list of the grammar's own.
const MUTATING: &[&str] = &[
    "abandon",
    "ack",
    "add",
    "apply",
    "approve",
    "attach",
    "call",
    "cancel",
    "clone",
    "commit",
    "copy",
    "create",
    "delete",
    "deploy",
    "destroy",
    "detach",
    "disable",
    "enable",
    "execute",
    "failover",
    "import",
    "insert",
    "install",
    "migrate",
    "modify",
    "move",
    "mv",
    "patch",
    "pause",
    "perform",
    "promote",
    "publish",
    "pull",
    "purge",
    "recreate",
    "remove",
    "replace",
    "reset",
    "resize",
    "restart",
    "restore",
    "resume",
    "rm",
    "rollback",
    "rotate",
    "run",
    "seek",
    "set",
    "start",
    "stop",
    "suspend",
    "switchover",
    "terminate",
    "undelete",
    "update",
    "upgrade",
    "write",
];

#[test]
fn p13_no_mutation_is_a_read() {
    let mut understood = 0;
    for spec in specs() {
        let path = spec.split('\t').next().unwrap_or_default();
        let verb = path.rsplit(' ').next().unwrap_or_default();
        let words: Vec<&str> = path.split(' ').collect();
        let below = words.iter().rev().nth(1).is_some_and(|above| ["create", "update", "import"].contains(above));
        if !below && !MUTATING.contains(&verb.split('-').next().unwrap_or_default()) {
            continue;
        }
        for text in [line_of(spec, &[true, false], "a"), line_of(spec, &[false], "a")] {
            if let Ok(command) = typed(&text) {
                // It prints what would be signed.
                let prints = path == "container binauthz create-signature-payload";
                assert!(command.action().tier > Tier::Read || prints, "{text}");
                assert_eq!(command.mode() == Mode::DryRun, !prints, "{text}");
                understood += 1;
            }
        }
    }
    assert!(understood > 1_000, "{understood}");
}

#[test]
fn p36_without_apply_only_reads_run() {
    for text in
        ["compute instances delete a --zone=z --quiet", "storage rm -r gs://b", "sql instances restart i --async"]
    {
        let shown = run(&format!("/gcloud dev {text}"));
        let applied = run(&format!("/gcloud dev {text} --apply"));
        assert_eq!((shown.mode(), applied.mode()), (Mode::DryRun, Mode::Apply), "{text}");
        assert_eq!(shown.argv(), applied.argv(), "{text}");
        for step in shown.preview().iter().flat_map(|plan| &plan.steps) {
            let command = run(&format!("/gcloud dev {}", step.to_string().trim_start_matches("gcloud ")));
            assert_eq!(command.action().tier, Tier::Read, "{step}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p36_what_is_understood_reads_back_and_is_shown_by_reads(
        spec in prop::sample::select(specs()),
        choose in prop::collection::vec(any::<bool>(), 1..9),
        value in "[a-z][a-z0-9]{0,8}",
        apply in any::<bool>(),
    ) {
        let text = line_of(spec, &choose, &value);
        if let Ok(command) = typed(&if apply { format!("{text} --apply") } else { text.clone() }) {
            reads_back(&command);
            prop_assert_eq!(command.mode() == Mode::Apply, apply || command.action().tier == Tier::Read);
            for step in command.preview().iter().flat_map(|plan| &plan.steps) {
                let again = run(&format!("/gcloud dev {}", step.to_string().trim_start_matches("gcloud ")));
                prop_assert_eq!(again.action().tier, Tier::Read, "{}", step);
                prop_assert_eq!(again.action().sensitivity, Sensitivity::Plain, "{}", step);
                prop_assert_eq!(again.argv(), step);
            }
            prop_assert_eq!(command.preview().is_none(), command.action().tier == Tier::Read);
        }
    }
}
