//! What lines become: argv, what policy sees, and what is shown first.

use super::{becomes, run};
use countersign_core::tier::Sensitivity;
use expect_test::expect;

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
}

#[test]
fn changes_in_other_groups() {
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
          gcloud container clusters describe web --zone=europe-west1-b '--format=yaml[transforms]:(masterAuth.clientKey.yesno(yes=withheld),masterAuth.password.yesno(yes=withheld))' --project=example-dev --quiet"#]],
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
