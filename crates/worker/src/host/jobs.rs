//! From the file's `worker.jobs_in` to what runs commands in that cluster.

use anyhow::Context as _;
use countersign_runner::kubernetes::{Access, Image, Network, Pods, Settings};
use countersign_service::config::{JobNetwork, JobsIn};
use std::collections::BTreeMap;
use tokio_util::task::TaskTracker;

/// What the runner of that cluster is made of.
///
/// # Errors
/// An image that is none.
pub fn job_settings(from: &JobsIn, tasks: &TaskTracker) -> anyhow::Result<Settings> {
    let image = |(name, text): (&String, &String)| {
        let image: Image = text.parse().with_context(|| format!("the image of `{name}`"))?;
        Ok((name.clone(), image))
    };
    Ok(Settings {
        access: Access { address: from.cluster.clone(), ca: Some(from.ca.clone()), token: from.token.clone() },
        pods: Pods {
            namespace: from.namespace.clone(),
            user: from.user,
            runtime_class: from.runtime_class.clone(),
            node_selector: from.nodes.clone(),
            pull_secret: from.pull_secret.clone(),
        },
        images: from.images.iter().map(image).collect::<anyhow::Result<BTreeMap<_, _>>>()?,
        listen: from.listen,
        address: from.address.clone(),
        network: match from.network {
            JobNetwork::Policy => Network::Policy,
            JobNetwork::PortRules => Network::PortRules,
        },
        tasks: tasks.clone(),
    })
}
