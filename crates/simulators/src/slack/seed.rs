//! Who and what is there at the start: workspaces, people, channels.
//!
//! **Invariant:** everything has the shape of the real thing's ids, so that nothing learns to rely on shorter ones.

use std::collections::BTreeSet;

/// A workspace in which the app is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// `T…`.
    pub id: String,
    /// The word in `word.slack.com`.
    pub domain: String,
    /// The organisation it belongs to, `E…`.
    pub enterprise: Option<String>,
    /// Whether the app is installed for the whole organisation: then interactions name no team.
    pub org_wide: bool,
    /// The bot's token.
    pub token: String,
    /// What the token may do. Source: Slack, "Scopes".
    pub scopes: BTreeSet<String>,
}

/// What somebody is, as `users.info` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A full member.
    Full,
    /// A multi-channel guest (`is_restricted`).
    Guest,
    /// A single-channel guest (`is_ultra_restricted`).
    SingleChannelGuest,
    /// Of another organisation, in a shared channel (`is_stranger`).
    Stranger,
    /// A program (`is_bot`).
    Bot,
    /// Left (`deleted`).
    Deactivated,
    /// An address that nobody confirmed.
    Unconfirmed,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `U…` or `W…`.
    pub id: String,
    /// The handle; not an identity.
    pub name: String,
    /// Their home workspace.
    pub team: String,
    /// What they are.
    pub standing: Standing,
    /// Their address, shown only with `users:read.email`.
    pub email: String,
}

/// What kind of conversation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everybody of the workspace can read it.
    Public,
    /// Members alone.
    Private,
    /// Of one person and the bot.
    Direct,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// `C…` or `D…`.
    pub id: String,
    /// Without `#`.
    pub name: String,
    /// Its workspace.
    pub team: String,
    /// What it is.
    pub kind: Kind,
    /// Members, the bot left out.
    pub members: BTreeSet<String>,
    /// Whether the bot is in it.
    pub bot_in: bool,
    /// Whether nobody can write any more.
    pub archived: bool,
    /// Whether another organisation shares it.
    pub ext_shared: bool,
}

/// What a stand-in starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The app's id, `A…`.
    pub app: String,
    /// Signing secrets; the first signs.
    pub signing_secret: String,
    /// Where the app is installed.
    pub workspaces: Vec<Workspace>,
    /// Who is there.
    pub people: Vec<Person>,
    /// And where they talk.
    pub channels: Vec<Channel>,
}

/// Every scope the methods served here ask for.
const SCOPES: [&str; 15] = [
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "files:read",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "users:read",
    "mpim:history",
    "mpim:read",
];

impl Seed {
    /// The home workspace of ann, bob, cho, dee, eve (members), gil (guest), pip (single-channel guest), sam
    /// (stranger), rob (a program), ola (left) and una (unconfirmed), with the channels `ops`, `secrets` (private, the
    /// bot is not in it), `partners` (shared with another organisation) and `attic` (archived); and a second workspace
    /// with mal in `elsewhere`.
    #[must_use]
    pub fn demo() -> Self {
        let people = [
            ("ann", Standing::Full),
            ("bob", Standing::Full),
            ("cho", Standing::Full),
            ("dee", Standing::Full),
            ("eve", Standing::Full),
            ("gil", Standing::Guest),
            ("pip", Standing::SingleChannelGuest),
            ("sam", Standing::Stranger),
            ("rob", Standing::Bot),
            ("ola", Standing::Deactivated),
            ("una", Standing::Unconfirmed),
        ];
        let home = "T0HOME0001";
        let mut people: Vec<Person> = people.map(|(name, standing)| person(name, home, standing)).into();
        people.push(person("mal", "T0AWAY0002", Standing::Full));
        let everybody: Vec<String> = people.iter().filter(|one| one.team == home).map(|one| one.id.clone()).collect();
        let at_home = |id: &str, name: &str, kind: Kind| channel(id, name, home, kind, everybody.iter().cloned());
        let channels = vec![
            Channel { bot_in: true, ..at_home("C0OPS00001", "ops", Kind::Public) },
            at_home("C0SECRETS2", "secrets", Kind::Private),
            at_home("C0LOBBY003", "lobby", Kind::Public),
            Channel { bot_in: true, ext_shared: true, ..at_home("C0PARTNER4", "partners", Kind::Public) },
            Channel { bot_in: true, archived: true, ..at_home("C0ATTIC005", "attic", Kind::Public) },
            Channel { bot_in: true, ..at_home("C0COPIES06", "copies", Kind::Public) },
            Channel { bot_in: true, ..channel("C0AWAY0007", "elsewhere", "T0AWAY0002", Kind::Public, [id("mal")]) },
        ];
        let workspaces = vec![workspace(home, "home"), workspace("T0AWAY0002", "away")];
        Self {
            app: "A0COUNTER1".into(),
            signing_secret: "8f742231b10e8888abcd99yyyzzz85a5".into(),
            workspaces,
            people,
            channels,
        }
    }

    /// The same, in an organisation for which the app is installed as a whole.
    #[must_use]
    pub fn demo_org_wide() -> Self {
        let mut seed = Self::demo();
        for workspace in &mut seed.workspaces {
            workspace.enterprise = Some("E0ACME0001".into());
            workspace.org_wide = true;
        }
        seed
    }
}

/// The user id of one of the demo's people.
#[must_use]
pub fn id(name: &str) -> String {
    format!("U0{:0>8}", name.to_uppercase())
}

fn person(name: &str, team: &str, standing: Standing) -> Person {
    let email = format!("{name}@example.com");
    Person { id: id(name), name: name.into(), team: team.into(), standing, email }
}

fn workspace(id: &str, domain: &str) -> Workspace {
    Workspace {
        id: id.into(),
        domain: domain.into(),
        enterprise: None,
        org_wide: false,
        token: format!("xoxb-{domain}-bot"),
        scopes: SCOPES.iter().map(ToString::to_string).collect(),
    }
}

fn channel(id: &str, name: &str, team: &str, kind: Kind, members: impl IntoIterator<Item = String>) -> Channel {
    Channel {
        id: id.into(),
        name: name.into(),
        team: team.into(),
        kind,
        members: members.into_iter().collect(),
        bot_in: false,
        archived: false,
        ext_shared: false,
    }
}
