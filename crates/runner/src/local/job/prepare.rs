//! Preparing a job: everything it needs before its first step, and nothing that runs yet.
//!
//! **Invariant:** the program is held against its digest before anything is made for it; what was made is released when
//! a later part of the preparing fails.

use super::super::LocalJail;
use super::super::filter::Filtering;
use super::super::order::{Order, Runs};
use super::super::site::Site;
use super::{Budget, Job};
use crate::egress::{Allowed, Proxy};
use crate::folder::JobFolder;
use crate::kubernetes::Jobs;
use crate::material::{self, Surroundings};
use crate::port::{Output, RunFault};
use crate::program::HOME;
use crate::service::Told;
use crate::stack;
use crate::target::{HostPort, Target};
use countersign_audit::on_record::OnRecord;
use countersign_core::refusal::shown;
use countersign_core::warrant::Warrant;
use countersign_jail::{Egress, Environment, Level, PrivateFile};
use countersign_redact::Patterns;
use countersign_secrets::Lease;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The proxy's port inside a strict jail, where nothing else listens.
const PROXY_PORT: u16 = 3128;

impl Job {
    /// `jobs` is the cluster of an order at level `job`.
    pub(crate) async fn prepare(
        (jail, jobs): (&LocalJail, Option<&Jobs>),
        on_record: OnRecord,
        order: Order,
        lease: &Lease,
        out: Output,
    ) -> Result<Self, RunFault> {
        unchanged(&order).await?;
        let ran = order.ran()?;
        let filtering = Filtering::prepare(jail, &order).await?;
        let told = match &order.target {
            Some(Target::Service(service)) => Some(service.told(on_record.warrant()).await?),
            _ => None,
        };
        let known = lease.known_secrets().into_iter().chain(told.iter().flat_map(Told::known));
        let patterns = Patterns::new(known).map_err(RunFault::Redaction)?;
        let folder = jail.run.job().map_err(RunFault::Prepare)?;
        let home = match order.level {
            Level::Strict | Level::Job => HOME.to_owned(),
            Level::Nested | Level::None => path_text(&jail.run.fresh().map_err(RunFault::Prepare)?),
        };
        let (proxy, egress, port) = way_out(jail, &order, &folder).map_err(RunFault::Prepare)?;
        let (wall, most) = (order.recipe.limits.wall(), order.recipe.limits.output_bytes());
        let wall = out.narrower.wall.map_or(wall, |narrower| narrower.min(wall));
        let around = stack::Around { folder: &folder, plans: jail.plans.as_ref(), now: jail.clock.now() };
        let prepared = stack_of(on_record.warrant(), &order, around, &out.cancel).await?;
        let requester = on_record.warrant().requester();
        let around = Surroundings {
            home: &home,
            proxy: port,
            steps: &order.steps,
            requester: &format!("{} [{}]", shown(&requester.name), requester.id),
            seconds: wall.as_secs(),
            stack: prepared.as_ref(),
            service: told.as_ref(),
        };
        let (files, env) = private(&order, lease, around)?;
        let output_limit = out.narrower.output_bytes.map_or(most, |narrower| narrower.min(most));
        let budget = Budget::new(output_limit);
        let (launcher, clock) = (jail.launcher.clone(), Arc::clone(&jail.clock));
        let site = match jobs {
            Some(jobs) => {
                let proxy = proxy.as_ref().map(Proxy::socket);
                Site::Pod(Box::new(Box::pin(jobs.create(&on_record, &order, wall, proxy)).await?))
            }
            None => Site::Here(jail.uids.lend().ok_or(RunFault::Busy)?),
        };
        let deadline = Instant::now() + wall;
        Ok(Self {
            on_record,
            order,
            ran,
            filtering,
            patterns,
            files,
            env,
            home,
            egress,
            proxy,
            site,
            prepared,
            _folder: folder,
            launcher,
            clock,
            out,
            budget,
            output_limit,
            wall,
            deadline,
        })
    }
}

/// Holds the program of this host against what was found at start.
async fn unchanged(order: &Order) -> Result<(), RunFault> {
    let Runs::Here(usable) = &order.runs else { return Ok(()) };
    let program = usable.program.clone();
    let checked = tokio::task::spawn_blocking(move || program.check().and_then(|()| program.digest())).await;
    checked.map_err(|error| RunFault::Prepare(io::Error::other(error)))?.map_err(RunFault::Program)?;
    Ok(())
}

/// The proxy, what the jail knows of it, and its port inside; nothing of it where nothing may be reached.
fn way_out(jail: &LocalJail, order: &Order, folder: &JobFolder) -> io::Result<(Option<Proxy>, Egress, u16)> {
    let Some(way) = &order.way else { return Ok((None, Egress::None, 0)) };
    let (hosts, plain, here) = (way.hosts.clone(), way.plain.clone(), way.here.clone());
    let proxy = Proxy::start(folder.path(), Allowed { hosts, plain, here, own: jail.own.clone() })?;
    // A tool that sends what is for the loopback past every proxy finds this one where it looks.
    let here = way.here.as_ref().filter(|_| order.level == Level::Strict).map(HostPort::port);
    let port = here.map_or_else(|| proxy_port(order.level), Ok)?;
    let egress = Egress::Proxy { socket: proxy.socket().to_owned(), port };
    Ok((Some(proxy), egress, port))
}

/// The stack of an order that has one, unless somebody cancels meanwhile.
async fn stack_of(
    warrant: &Warrant,
    order: &Order,
    around: stack::Around<'_>,
    cancel: &CancellationToken,
) -> Result<Option<stack::Prepared>, RunFault> {
    let Some(Target::Stack(stack)) = &order.target else { return Ok(None) };
    let step = order.steps.first().ok_or(RunFault::NoPreview)?;
    tokio::select! {
        prepared = stack::prepare(warrant, stack, step, around) => prepared.map(Some),
        () = cancel.cancelled() => Err(RunFault::Refused(Box::new(stack::cancelled()))),
    }
}

/// The files and variables made for this job alone.
fn private(
    order: &Order,
    lease: &Lease,
    around: Surroundings<'_>,
) -> Result<(Vec<PrivateFile>, Environment), RunFault> {
    let mut env = order.recipe.env.clone();
    let private = material::render(order.recipe.credential, order.target.as_ref(), lease, around);
    let fault = || RunFault::Material { program: order.name.clone(), class: lease.class() };
    let private = private.ok_or_else(fault)?;
    env.insert("HOME".into(), around.home.to_owned());
    env.extend(private.env);
    Ok((private.files, Environment(env)))
}

/// A port for the proxy inside. Without a network namespace it is one of the host's, free a moment ago and random.
fn proxy_port(level: Level) -> io::Result<u16> {
    match level {
        Level::Strict => Ok(PROXY_PORT),
        // Alone in its pod, and hard to guess: elsewhere nothing listens on it.
        Level::Job => crate::kubernetes::proxy_port(),
        Level::Nested | Level::None => Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port()),
    }
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
