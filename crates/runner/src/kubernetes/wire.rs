//! What a pod and its worker say to each other: one line each way, then bytes.
//!
//! A pod opens one connection for each thing: the records of a step and the orders to it, its standard output, its
//! standard error, and every connection of the command to the outside. **Invariant:** a slow reader of one of them holds
//! up none of the others, and nobody who does not know the job's token is answered.

use crate::recipe::Candidate;
use countersign_jail::{Applied, Environment, Limits, PrivateFile};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The version of this protocol: worker and image are of one release.
pub(crate) const VERSION: u32 = 1;

/// Longest first line of a pod, in bytes.
pub(crate) const LONGEST_HELLO: usize = 1024;

/// Longest line of a worker, in bytes: an input of 256 KiB, escaped, and the job's own files.
pub(crate) const LONGEST_TURN: usize = 4 << 20;

/// The name in the worker's certificate, which is made for one process and known by its bytes.
pub(crate) const NAME: &str = "countersign-worker";

/// What lies in the job's Secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invitation {
    pub(crate) v: u32,
    /// Address and port of the worker.
    pub(crate) worker: String,
    /// What the worker knows the job by.
    pub(crate) token: String,
    /// The one certificate that the worker has, PEM.
    pub(crate) certificate: String,
}

/// The first line of each connection.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hello {
    pub(crate) v: u32,
    pub(crate) token: String,
    /// The pod's uid: one pod alone runs a job.
    pub(crate) pod: String,
    pub(crate) channel: Channel,
}

/// What a connection is for. Steps are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Channel {
    /// Answered by a [`Turn`]; then the launcher's records come, and the orders to it go.
    Step(u32),
    /// Standard output, or both streams together.
    Out(u32),
    /// Standard error.
    Err(u32),
    /// To the job's proxy.
    Egress,
}

/// What the pod is to do next.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Turn {
    Run(Box<Step>),
    /// Attack the level, and the network.
    Probe(Probe),
    /// Nothing more: the pod ends.
    End,
}

/// One step of a job. The program and its files are those of the pod's image.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) program: String,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) files: Vec<String>,
    pub(crate) files_if_present: Vec<String>,
    /// The decided arguments, without the program's name.
    pub(crate) arguments: Vec<String>,
    pub(crate) env: Environment,
    pub(crate) private: Vec<PrivateFile>,
    pub(crate) stdin: Option<String>,
    pub(crate) limits: Limits,
    /// The proxy's port on the pod's loopback.
    pub(crate) proxy: Option<u16>,
    /// Whether standard error has a connection of its own.
    pub(crate) apart: bool,
    /// How long the command is left to clean up when the cluster ends the pod, milliseconds.
    pub(crate) interrupted_ms: u64,
}

/// What is attacked, besides what the jail's own probe attacks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// Addresses that a pod must not reach.
    pub(crate) unreachable: Vec<String>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probed {
    /// What stands, or the promise that does not hold.
    pub(crate) jail: Result<Applied, String>,
    /// What was reached and must not be.
    pub(crate) reached: Vec<String>,
}

/// Writes one line.
pub(crate) async fn say<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), what: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await
}

/// Reads one line and not a byte of what follows it.
pub(crate) async fn hear<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin), longest: usize) -> io::Result<T> {
    let mut line = Vec::new();
    loop {
        match from.read_u8().await? {
            b'\n' => return Ok(serde_json::from_slice(&line)?),
            _ if line.len() == longest => return Err(io::Error::other("the line is too long")),
            byte => line.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_read_and_nothing_after_it() {
        let (mut ours, mut theirs) = tokio::io::duplex(256);
        let hello = Hello { v: 1, token: "t".into(), pod: "p".into(), channel: Channel::Out(3) };
        say(&mut theirs, &hello).await.unwrap();
        theirs.write_all(b"raw").await.unwrap();
        drop(theirs);
        let heard: Hello = hear(&mut ours, LONGEST_HELLO).await.unwrap();
        assert_eq!((heard.channel, heard.pod.as_str()), (Channel::Out(3), "p"));
        let mut rest = String::new();
        ours.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "raw");
    }

    #[tokio::test]
    async fn p44_a_line_without_an_end_is_given_up() {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(&[b'x'; 2000]).await.unwrap();
        let heard: io::Result<Hello> = hear(&mut ours, LONGEST_HELLO).await;
        assert_eq!(heard.err().unwrap().to_string(), "the line is too long");
    }
}
