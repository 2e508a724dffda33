//! What is refused, and with which code.

use super::{all_refused, run};

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
        compute instances list --format=json --quiet --format=json => repeated-flag
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
fn p38_nothing_leads_out_of_the_project() {
    all_refused(
        "
        compute url-maps set-default-service u --default-service=a/../../../x --global => bad-value
        compute target-http-proxies create p --url-map=a/%2E%2E/x --apply => bad-value
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
