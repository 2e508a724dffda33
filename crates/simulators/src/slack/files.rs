//! Files: given to Slack, attached to messages or put into modals, looked up and fetched.
//!
//! **Invariant:** the app sees a file only where it was shared with it, and reads its content only with a token that
//! has `files:read`; whoever else asks is sent to a page to log in at. Sources: Slack, "File object", `files.info`,
//! "File input element", "Slack Connect" (`check_file_info`).

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::Slack;
use super::api::{self, No, no};
use super::seed::Workspace;
use super::state::{Message, State};

/// What reading files needs.
pub(super) const SCOPE: &str = "files:read";

/// What a file's address begins with.
pub(super) const PATH: &str = "/files-pri/";

/// The largest file a modal takes, in bytes. Source: "File input element".
const MOST_IN_A_MODAL: usize = 10 * 1024 * 1024;

/// What is answered to whoever fetches the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serve {
    /// The content, with its length.
    Content,
    /// The content and then more of it, without a length and without an end.
    Endless,
    /// Another address.
    Redirect(String),
    /// The page to log in at, with a status of success.
    LoginPage,
    /// Nothing: it was deleted after it was looked up.
    Gone,
}

/// A file that somebody gave to Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// `F…`.
    pub id: String,
    /// The workspace of its owner.
    pub team: String,
    /// Its owner.
    pub user: String,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// Its size in bytes as Slack tells it.
    pub size: u64,
    /// `hosted`, `snippet`, …
    pub mode: String,
    /// Whether somebody else keeps it.
    pub external: bool,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Where Slack says that it is, when that is not where it is.
    pub address: Option<String>,
    /// What is answered to whoever fetches it.
    pub serve: Serve,
    /// The channels it was shared in.
    channels: Vec<String>,
    /// Whether it was put into a modal of the app.
    given: bool,
}

impl File {
    /// The file object.
    fn shown(&self, state: &State) -> Value {
        let kind = self.name.rsplit_once('.').map_or("text", |(_, kind)| kind);
        let place = format!("http://{}{PATH}{}-{}", state.address, self.team, self.id);
        let own = |path: String| self.address.clone().unwrap_or(path);
        json!({"id": self.id, "created": 1_795_222_800, "timestamp": 1_795_222_800, "name": self.name,
            "title": self.name, "mimetype": "text/plain", "filetype": kind, "pretty_type": kind.to_uppercase(),
            "user": self.user, "user_team": self.team, "editable": self.mode == "snippet", "size": self.size,
            "mode": self.mode, "is_external": self.external,
            "external_type": if self.external { "gdrive" } else { "" }, "is_public": false,
            "public_url_shared": false, "display_as_bot": false, "username": "", "file_access": "visible",
            "url_private": own(format!("{place}/{}", self.name)),
            "url_private_download": own(format!("{place}/download/{}", self.name)),
            "permalink": format!("https://home.slack.com/files/{}/{}/{}", self.user, self.id, self.name)})
    }

    /// Whether the app in this workspace may see it.
    fn is_visible(&self, state: &State, workspace: &Workspace) -> bool {
        let seen = |id: &String| state.channels.get(id).is_some_and(|one| one.team == workspace.id && one.bot_in);
        (self.given && self.team == workspace.id) || self.channels.iter().any(seen)
    }

    /// What Slack's client says when it is put into a modal whose input takes these kinds.
    pub(super) fn complaint(&self, kinds: &Value) -> Option<String> {
        let kind = self.name.rsplit_once('.').map_or("", |(_, kind)| kind);
        let fits = kinds.as_array().is_none_or(|kinds| kinds.iter().any(|one| one == kind));
        (!fits || self.content.len() > MOST_IN_A_MODAL).then(|| format!("{} is not taken here", self.name))
    }
}

/// The objects of these files, as an interaction or a page of history holds them.
pub(super) fn objects(state: &State, ids: &[String]) -> Value {
    let known = ids.iter().filter_map(|id| state.files.get(id));
    known.map(|file| file.shown(state)).collect()
}

/// The same in an event: in a channel that is shared with others, the app has to look them up.
pub(super) fn told(state: &State, message: &Message) -> Value {
    if !state.channels.get(&message.channel).is_some_and(|it| it.ext_shared) {
        return objects(state, &message.files);
    }
    let name = |id: &String| json!({"id": id, "created": 0, "timestamp": 0, "user": "", "mode": "file_access", "file_access": "check_file_info"});
    message.files.iter().map(name).collect()
}

/// `files.info`.
pub(super) fn info(state: &State, workspace: &Workspace, id: &str) -> Result<Value, No> {
    let file = state.files.get(id).filter(|file| file.is_visible(state, workspace));
    let file = file.ok_or_else(|| no("file_not_found"))?;
    if file.deleted {
        return Err(no("file_deleted"));
    }
    let page = json!({"next_cursor": ""});
    Ok(json!({"ok": true, "file": file.shown(state), "comments": [], "response_metadata": page}))
}

/// What whoever fetches a file gets.
pub(super) enum Fetched {
    /// This, with its length.
    Content(Bytes),
    /// This, again and again.
    Endless(Bytes),
    /// Another address.
    Elsewhere(String),
    /// The page to log in at.
    LoginPage,
    /// 404.
    Nothing,
}

/// Fetches what is at `TEAM-FILE/download/NAME` or `TEAM-FILE/NAME`.
pub(super) fn fetch(state: &State, path: &str, token: Option<&str>) -> Fetched {
    let id = path.split('/').next().and_then(|name| name.split_once('-')).map_or("", |(_, id)| id);
    let log_in = || Fetched::Elsewhere(format!("http://{}/?redir=%2Ffiles-pri%2F{id}", state.address));
    let Ok(workspace) = api::workspace_of(state, token) else { return log_in() };
    if !workspace.scopes.contains(SCOPE) {
        return log_in();
    }
    let Some(file) = state.files.get(id).filter(|file| file.is_visible(state, &workspace)) else { return log_in() };
    if file.deleted {
        return Fetched::Nothing;
    }
    let content = Bytes::from(file.content.clone());
    match &file.serve {
        Serve::Content => Fetched::Content(content),
        Serve::Endless => Fetched::Endless(content),
        Serve::Redirect(address) => Fetched::Elsewhere(address.clone()),
        Serve::LoginPage => Fetched::LoginPage,
        Serve::Gone => Fetched::Nothing,
    }
}

impl State {
    /// Somebody shares files in a channel.
    pub(super) fn share(&mut self, ids: &[&str], channel: &str) -> Vec<String> {
        for id in ids {
            let file = self.files.get_mut(*id).unwrap_or_else(|| panic!("there is no file `{id}`"));
            file.channels.push(channel.to_owned());
        }
        ids.iter().map(ToString::to_string).collect()
    }

    /// Somebody puts files into a modal of the app.
    pub(super) fn give(&mut self, ids: &[&str]) {
        for id in ids {
            self.files.get_mut(*id).unwrap_or_else(|| panic!("there is no file `{id}`")).given = true;
        }
    }
}

impl Slack {
    /// Somebody (by handle or id) chooses a file on their computer; its id. Nobody else sees it until it is shared.
    ///
    /// # Panics
    /// When there is no such person.
    pub fn upload(&self, who: &str, name: &str, content: impl Into<Vec<u8>>) -> String {
        let mut state = self.shared.lock();
        let person = state.person(who).unwrap_or_else(|| panic!("nobody is called `{who}`")).clone();
        let (id, content) = (format!("F0{:08}", state.number()), content.into());
        let file = File {
            id: id.clone(),
            team: person.team,
            user: person.id,
            name: name.to_owned(),
            size: content.len() as u64,
            content,
            mode: "snippet".to_owned(),
            external: false,
            deleted: false,
            address: None,
            serve: Serve::Content,
            channels: Vec::new(),
            given: false,
        };
        state.files.insert(id.clone(), file);
        id
    }

    /// Changes a file, e.g. whether it was deleted.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn change_file(&self, id: &str, change: impl FnOnce(&mut File)) {
        change(self.shared.lock().files.get_mut(id).unwrap_or_else(|| panic!("there is no file `{id}`")));
    }
}
