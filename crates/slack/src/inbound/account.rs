//! Whose request it is, by the signed payload alone.
//!
//! **Invariant:** an account is made of Slack's own ids; names, e-mail addresses and whatever a
//! person can fill in are never looked at.

use super::metrics::Cause;
use super::settings::Allowed;
use countersign_core::principal::Account;

/// The workspace, and the organisation if it belongs to one.
#[derive(Clone, Copy)]
pub(super) struct Home<'a> {
    team: Option<&'a str>,
    enterprise: Option<&'a str>,
}

impl<'a> Home<'a> {
    /// Empty is as good as absent.
    pub(super) fn new(team: Option<&'a str>, enterprise: Option<&'a str>) -> Self {
        let there = |id: &&str| !id.is_empty();
        Self { team: team.filter(there), enterprise: enterprise.filter(there) }
    }
}

/// Somebody who did something.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) account: Account,
    /// They belong to a workspace that is not ours: a stranger, whatever Slack says later.
    pub(super) is_outsider: bool,
}

impl Person {
    /// `team` is the person's own workspace, where the payload tells it.
    pub(super) fn new(user: &str, team: Option<&str>, home: Home<'_>, allowed: &Allowed) -> Result<Self, Cause> {
        // A person is one account in all workspaces of an organisation.
        let of = home.enterprise.or(home.team).filter(|id| is_id(id)).ok_or(Cause::Malformed)?;
        if !is_id(user) {
            return Err(Cause::Malformed);
        }
        let is_here = |team: &str| home.team == Some(team) || home.enterprise == Some(team) || allowed.knows(team);
        // An organisation has more workspaces than anybody lists; only another organisation is told
        // apart from here, and Slack is asked about the rest.
        let may_be_ours = |team: &str| home.enterprise.is_some() && !team.starts_with('E');
        let is_outsider = team.is_some_and(|team| !team.is_empty() && !is_here(team) && !may_be_ours(team));
        let account = Account { front: "slack".to_owned(), team: of.to_owned(), user: user.to_owned() };
        Ok(Self { account, is_outsider })
    }
}

impl Allowed {
    /// Whether a request for this app, from there, is one of ours.
    pub(super) fn admit(&self, app: Option<&str>, home: Home<'_>) -> Result<(), Cause> {
        let is_ours = !self.app.is_empty() && app == Some(self.app.as_str());
        let team = home.team.is_some_and(|id| self.teams.contains(id));
        let enterprise = home.enterprise.is_some_and(|id| self.enterprises.contains(id));
        if is_ours && (team || enterprise) { Ok(()) } else { Err(Cause::Foreign) }
    }

    fn knows(&self, id: &str) -> bool {
        self.teams.contains(id) || self.enterprises.contains(id)
    }
}

/// Slack's ids are short words; nothing else becomes part of a name of ours.
pub(super) fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
}

/// Slack's name of a message within its channel: seconds, a full stop, six digits.
pub(super) fn is_ts(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, rest)| digits(seconds) && digits(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Allowed {
        Allowed { app: "A1".into(), teams: ["T1".to_owned()].into(), enterprises: ["E1".to_owned()].into() }
    }

    #[test]
    fn one_app_and_the_places_on_the_list() {
        let admits = |app, team, enterprise| allowed().admit(app, Home::new(team, enterprise)).is_ok();
        assert!(admits(Some("A1"), Some("T1"), None));
        assert!(admits(Some("A1"), None, Some("E1")));
        assert!(admits(Some("A1"), Some("T2"), Some("E1")));
        assert!(!admits(Some("A2"), Some("T1"), None));
        assert!(!admits(None, Some("T1"), None));
        assert!(!admits(Some("A1"), Some("T2"), Some("E2")));
        // Each list is for its own kind of id.
        assert!(!admits(Some("A1"), Some("E1"), Some("T1")));
        assert!(!admits(Some("A1"), None, None));
    }

    #[test]
    fn an_empty_list_admits_nobody() {
        let empty = Allowed { app: String::new(), teams: [String::new()].into(), enterprises: [String::new()].into() };
        assert!(empty.admit(Some(""), Home::new(Some(""), Some(""))).is_err());
        let no_app = Allowed { app: String::new(), ..allowed() };
        assert!(no_app.admit(Some(""), Home::new(Some("T1"), None)).is_err());
    }

    #[test]
    fn a_person_is_one_account_in_the_whole_organisation_and_strangers_are_seen() {
        let person =
            |enterprise, team| Person::new("U1", team, Home::new(Some("T1"), enterprise), &allowed()).ok().unwrap();
        assert_eq!(person(Some("E1"), None).account.to_string(), "slack/E1/U1");
        assert_eq!(person(None, None).account.to_string(), "slack/T1/U1");
        for (enterprise, team, outsider) in [
            (None, "T1", false),
            (None, "T9", true),
            (None, "E9", true),
            (Some("E1"), "T1", false),
            (Some("E1"), "E1", false),
            (Some("E1"), "T9", false),
            (Some("E1"), "E9", true),
        ] {
            assert_eq!(person(enterprise, Some(team)).is_outsider, outsider, "{enterprise:?} {team}");
        }
    }

    #[test]
    fn ids_are_words() {
        for bad in ["", "U1/2", "U1:2", "U 1", "U1\n", "ü"] {
            assert!(!is_id(bad), "{bad}");
        }
        for bad in ["", "1", "1.", ".1", "1.2.3", "1/2", "a.b"] {
            assert!(!is_ts(bad), "{bad}");
        }
        assert!(is_ts("1531420618.000200"));
    }
}
