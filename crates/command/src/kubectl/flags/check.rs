//! What values kubectl's flags take here.
//!
//! **Invariant:** a value is accepted when it has one reading, no value begins with `-`, and
//! nothing that is accepted names a file of the worker.

use crate::custom::duration;
use std::time::Duration;

/// What is wrong with a value.
type Wrong = Result<(), String>;

/// The longest any flag may make kubectl wait.
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// The longest any flag may make kubectl wait that changes nothing.
const LONGEST_LOOK: Duration = Duration::from_hours(1);

/// RFC 1123 label, as Kubernetes demands of namespaces.
pub(in crate::kubectl) fn namespace(text: &str) -> Wrong {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    let fits = !text.is_empty() && text.len() <= 63 && ends && text.chars().all(inner);
    fits.then_some(()).ok_or_else(|| "takes the name of one namespace".to_owned())
}

/// Names of objects: a path segment, which role names use up to the colon.
pub(in crate::kubectl) fn object_name(text: &str) -> Wrong {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = begins && text.len() <= 253 && text.chars().all(inner) && !text.ends_with('-');
    fits.then_some(()).ok_or_else(|| "takes the name of an object".to_owned())
}

fn of(text: &str, also: &str, what: &str) -> Wrong {
    let fits = !text.trim().is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    fits.then_some(()).ok_or_else(|| format!("takes {what}"))
}

fn one_of(text: &str, words: &[&str]) -> Wrong {
    let known = words.contains(&text);
    known.then_some(()).ok_or_else(|| format!("takes one of `{}`", words.join("`, `")))
}

pub(in crate::kubectl) fn selector(text: &str) -> Wrong {
    of(text, "-_./=!,() ", "a label selector, as `app=web`")
}

pub(in crate::kubectl) fn field_selector(text: &str) -> Wrong {
    of(text, "-_./=!,:", "a field selector, as `status.phase=Running`")
}

pub(in crate::kubectl) fn label_columns(text: &str) -> Wrong {
    of(text, "-_./,", "names of labels")
}

pub(in crate::kubectl) fn field_path(text: &str) -> Wrong {
    of(text, "-_./{}[]\\@$'\"*:,", "the path of a field, as `.metadata.name`")
}

pub(in crate::kubectl) fn subresource(text: &str) -> Wrong {
    one_of(text, &["status", "scale", "resize"])
}

/// kubectl still reads the two old spellings: `true` is `background`, and `false` is `orphan`.
pub(in crate::kubectl) fn cascade(text: &str) -> Wrong {
    one_of(text, &["background", "foreground", "orphan", "true", "false"])
}

/// Decimal, one spelling a number, so that no reader sees another one than the tool.
pub(in crate::kubectl) fn count(text: &str) -> Wrong {
    let fits = text.parse::<u32>().is_ok_and(|number| number.to_string() == text);
    fits.then_some(()).ok_or_else(|| "takes a whole number".to_owned())
}

pub(in crate::kubectl) fn count_or_all(text: &str) -> Wrong {
    if text == "-1" { Ok(()) } else { count(text) }
}

pub(in crate::kubectl) fn any_wait(text: &str) -> Wrong {
    duration(text).map(|_| ()).ok_or_else(|| "takes a duration, as `5m`".to_owned())
}

/// The same, or what the flag says anyway: the job's own limit ends it.
pub(in crate::kubectl) fn default_wait(text: &str) -> Wrong {
    if text == "0s" { Ok(()) } else { bounded_wait(text) }
}

/// How long somebody only looks on: the job's own limit ends it sooner.
pub(in crate::kubectl) fn patient_wait(text: &str) -> Wrong {
    let fits = duration(text).is_some_and(|wait| !wait.is_zero() && wait <= LONGEST_LOOK);
    fits.then_some(()).ok_or_else(|| "takes a duration up to 1h, as `5m`".to_owned())
}

pub(in crate::kubectl) fn bounded_wait(text: &str) -> Wrong {
    let fits = duration(text).is_some_and(|wait| !wait.is_zero() && wait <= LONGEST_WAIT);
    fits.then_some(()).ok_or_else(|| format!("takes a duration up to {}s, as `5m`", LONGEST_WAIT.as_secs()))
}

/// RFC 3339, by its characters; the server reads it.
pub(in crate::kubectl) fn point_in_time(text: &str) -> Wrong {
    let fits = (20..=35).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "-:.TZ+".contains(c));
    fits.then_some(()).ok_or_else(|| "takes a time as `2026-11-21T10:00:00Z`".to_owned())
}

pub(in crate::kubectl) fn patch_type(text: &str) -> Wrong {
    one_of(text, &["strategic", "merge", "json"])
}

pub(in crate::kubectl) fn load(text: &str) -> Wrong {
    one_of(text, &["cpu", "memory"])
}

pub(in crate::kubectl) fn name_or_kind(text: &str) -> Wrong {
    one_of(text, &["name", "kind"])
}

pub(in crate::kubectl) fn validation(text: &str) -> Wrong {
    one_of(text, &["strict", "warn", "ignore", "true", "false"])
}

pub(in crate::kubectl) fn protocol(text: &str) -> Wrong {
    one_of(text, &["TCP", "UDP", "SCTP", "tcp", "udp", "sctp"])
}

pub(in crate::kubectl) fn affinity(text: &str) -> Wrong {
    one_of(text, &["None", "ClientIP"])
}

pub(in crate::kubectl) fn service_type(text: &str) -> Wrong {
    one_of(text, &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])
}

pub(in crate::kubectl) fn pull_policy(text: &str) -> Wrong {
    one_of(text, &["Always", "IfNotPresent", "Never"])
}

pub(in crate::kubectl) fn restart(text: &str) -> Wrong {
    one_of(text, &["Always", "OnFailure", "Never"])
}

pub(in crate::kubectl) fn preemption(text: &str) -> Wrong {
    one_of(text, &["PreemptLowerPriority", "Never"])
}

pub(in crate::kubectl) fn words(text: &str) -> Wrong {
    of(text, "-_.,/", "words with commas between them")
}

pub(in crate::kubectl) fn event_types(text: &str) -> Wrong {
    of(text, ",", "types of events, as `Warning`")
}

pub(in crate::kubectl) fn segment(text: &str) -> Wrong {
    of(text, "-_.", "one word")
}

pub(in crate::kubectl) fn group(text: &str) -> Wrong {
    // The core group has no name.
    if text.is_empty() { Ok(()) } else { of(text, "-.", "the name of an API group, as `apps`") }
}

pub(in crate::kubectl) fn api_version(text: &str) -> Wrong {
    of(text, "-./", "an API version, as `apps/v1`")
}

pub(in crate::kubectl) fn one_object(text: &str) -> Wrong {
    of(text, "-_./:", "an object, as `pod/api-7f`")
}

pub(in crate::kubectl) fn source(text: &str) -> Wrong {
    of(text, "-_./", "a secret or a config map, as `configmap/api`")
}

pub(in crate::kubectl) fn containers(text: &str) -> Wrong {
    of(text, "-_.*,", "the name of a container")
}

pub(in crate::kubectl) fn quantities(text: &str) -> Wrong {
    of(text, "-_./=,", "amounts, as `cpu=200m,memory=512Mi`")
}

pub(in crate::kubectl) fn subject(text: &str) -> Wrong {
    of(text, "-_.:@/+", "who it is for, as `jane` or `NAMESPACE:NAME`")
}

pub(in crate::kubectl) fn labels(text: &str) -> Wrong {
    of(text, "-_./=,", "labels, as `app=web,tier=front`")
}

pub(in crate::kubectl) fn address(text: &str) -> Wrong {
    of(text, "-_.:", "an address")
}

pub(in crate::kubectl) fn ports(text: &str) -> Wrong {
    let fits = text.split(',').all(|port| count(port).is_ok());
    fits.then_some(()).ok_or_else(|| "takes numbers of ports".to_owned())
}

pub(in crate::kubectl) fn image(text: &str) -> Wrong {
    of(text, "-_./:@", "an image, as `nginx:1.27`")
}

pub(in crate::kubectl) fn tcp(text: &str) -> Wrong {
    of(text, ":", "ports, as `80:8080`")
}

pub(in crate::kubectl) fn kinds(text: &str) -> Wrong {
    of(text, "-_./,*", "kinds or verbs")
}

pub(in crate::kubectl) fn share(text: &str) -> Wrong {
    of(text, "%", "a number or a share, as `25%`")
}

/// A path of the server's interface.
pub(in crate::kubectl) fn url(text: &str) -> Wrong {
    let fits = text.starts_with('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./*".contains(c));
    fits.then_some(()).ok_or_else(|| "takes a path, as `/healthz`".to_owned())
}

/// `KEY=VALUE`; the value is anything.
pub(in crate::kubectl) fn assignment(text: &str) -> Wrong {
    let key = text.split_once('=').map_or("", |(key, _)| key);
    of(key, "-_./", "KEY=VALUE").map_err(|_| "takes KEY=VALUE".to_owned())
}

/// `NAME=VALUE` as an environment has it.
pub(in crate::kubectl) fn variable(text: &str) -> Wrong {
    let key = text.split_once('=').map_or("", |(key, _)| key);
    let fits = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    fits.then_some(()).ok_or_else(|| "takes NAME=VALUE".to_owned())
}

/// `host/path=service:port[,tls[=secret]]`.
pub(in crate::kubectl) fn ingress_rule(text: &str) -> Wrong {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_./*=:,".contains(c);
    let fits = text.contains('=') && !text.starts_with('-') && text.chars().all(inner);
    fits.then_some(()).ok_or_else(|| "takes a rule, as `example.com/=web:80`".to_owned())
}

/// As cron has it.
pub(in crate::kubectl) fn schedule(text: &str) -> Wrong {
    let inner = |c: char| c.is_ascii_alphanumeric() || "*/,-@? =".contains(c);
    let fits = !text.trim().is_empty() && !text.starts_with('-') && text.chars().all(inner);
    fits.then_some(()).ok_or_else(|| "takes a schedule, as `*/5 * * * *`".to_owned())
}

pub(in crate::kubectl) fn prose(text: &str) -> Wrong {
    let fits = !text.trim().is_empty() && !text.starts_with('-') && text.len() <= 500;
    fits.then_some(()).ok_or_else(|| "takes a sentence".to_owned())
}

/// A whole number with a sign, in one spelling.
pub(in crate::kubectl) fn whole(text: &str) -> Wrong {
    let fits = text.parse::<i32>().is_ok_and(|number| number.to_string() == text);
    fits.then_some(()).ok_or_else(|| "takes a whole number".to_owned())
}

/// `delete`, `create`, `condition=…`, `jsonpath=…`.
pub(in crate::kubectl) fn condition(text: &str) -> Wrong {
    let named = |text: &str| of(text, "-_./=", "").is_ok();
    let fits = match text.split_once('=') {
        None => ["delete", "create"].iter().any(|word| text.eq_ignore_ascii_case(word)),
        Some(("condition", condition)) => named(condition),
        Some(("jsonpath", path)) => !path.trim().is_empty(),
        Some(_) => false,
    };
    fits.then_some(()).ok_or_else(|| "takes `delete`, `create`, `condition=NAME` or `jsonpath='{…}'`".to_owned())
}

/// A wait that may also be none at all: what holds now counts.
pub(in crate::kubectl) fn short_wait(text: &str) -> Wrong {
    if matches!(text, "0" | "0s") { Ok(()) } else { patient_wait(text) }
}

/// How long one request may take: seconds are what is meant without a unit.
///
/// Source: client-go `clientcmd.ParseTimeout`.
pub(in crate::kubectl) fn seconds(text: &str) -> Option<u64> {
    let whole = count(text).is_ok().then(|| text.parse().ok()).flatten();
    whole.or_else(|| duration(text).map(|wait| wait.as_secs()))
}

/// The same within the bounds of a job; none at all would be for ever.
pub(in crate::kubectl) fn request_timeout(text: &str) -> Wrong {
    let fits = seconds(text).is_some_and(|wait| (1..=LONGEST_LOOK.as_secs()).contains(&wait));
    fits.then_some(()).ok_or_else(|| "takes a duration from 1s to 1h, as `30s`".to_owned())
}

/// Source: Kubernetes API concepts, "field manager": at most 128 printable characters.
pub(in crate::kubectl) fn manager(text: &str) -> Wrong {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let fits = (1..=128).contains(&text.len()) && !text.starts_with('-') && text.chars().all(inner);
    fits.then_some(()).ok_or_else(|| "takes the name of a field manager".to_owned())
}
