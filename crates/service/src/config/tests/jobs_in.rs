//! `worker.jobs_in`.

use super::{problems, read, worker};
use crate::config::{JobNetwork, Part};

fn with(text: &str) -> String {
    worker().replace("jobs: /run/jobs }", &format!("jobs: /run/jobs, jobs_in: {text} }}"))
}

fn image() -> String {
    format!("registry.example/kubectl@sha256:{}", "0a".repeat(32))
}

#[test]
fn a_worker_in_a_pod_needs_to_name_little() {
    let text = format!("{{ namespace: jobs, listen: \"0.0.0.0:7443\", images: {{ kubectl: \"{}\" }} }}", image());
    let own = read(Part::Worker, &with(&text)).unwrap().worker().jobs_in.clone().unwrap();
    assert_eq!(
        (own.cluster.as_str(), own.user, own.network),
        ("https://kubernetes.default.svc", 65_532, JobNetwork::Policy)
    );
    assert_eq!(own.token.to_str(), Some("/var/run/secrets/kubernetes.io/serviceaccount/token"));
    assert_eq!((own.address, own.images["kubectl"].clone()), (None, image()));
    assert_eq!(read(Part::Worker, &worker()).unwrap().worker().jobs_in, None);
}

#[test]
fn p59_an_image_that_could_become_another_is_refused() {
    for image in ["kubectl:1.32", "kubectl@sha256:12", "kubectl"] {
        let text = format!("{{ namespace: jobs, listen: \"0.0.0.0:7443\", images: {{ kubectl: \"{image}\" }} }}");
        let problems = problems(Part::Worker, &with(&text));
        assert!(problems.contains("an image is named by its digest"), "{problems}");
    }
}
