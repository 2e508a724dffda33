use super::*;
use countersign_core::principal::Standing;
use std::fs;

const GOOD: &str = "\
version: 1
people:
  - { iss: sso, sub: ann, name: Ann, standing: active, groups: [sre], accounts: [slack/T1/U1, slack/T2/U9] }
  - { iss: sso, sub: gil, name: Gil, standing: guest, groups: [sre], accounts: [slack/T1/U2] }
  - { iss: sso, sub: ola, name: Ola, standing: deactivated, groups: [sre, old], accounts: [slack/T1/U3] }
";

struct File(tempfile::TempDir);

impl File {
    fn with(text: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(self.0.path().join("people.yaml"), text).unwrap();
    }

    fn directory(&self) -> StaticDirectory {
        StaticDirectory::new(self.0.path().join("people.yaml"))
    }
}

fn slack(team: &str, user: &str) -> Account {
    Account { front: "slack".into(), team: team.into(), user: user.into() }
}

#[track_caller]
fn mistakes(text: &str, wanted: &[&str]) {
    let problems = read::people("people.yaml", text, "t").err().expect("must be refused").to_string();
    for wanted in wanted {
        assert!(problems.contains(wanted), "`{wanted}` is not in:\n{problems}");
    }
}

#[tokio::test]
async fn p06_two_accounts_of_one_person_are_one_principal() {
    let file = File::with(GOOD);
    let directory = file.directory();
    let first = directory.resolve(&slack("T1", "U1")).await.unwrap();
    let second = directory.resolve(&slack("T2", "U9")).await.unwrap();
    assert_eq!(first.id, second.id);
    assert!(first.known_by.starts_with("file:people.yaml@sha256:"), "{}", first.known_by);
}

#[tokio::test]
async fn p34_whoever_is_not_in_the_file_is_nobody() {
    let file = File::with(GOOD);
    let refusal = file.directory().resolve(&slack("T1", "U1x")).await.unwrap_err();
    assert_eq!(refusal.code(), Code::UnknownAccount);
    let none = file.directory().people(&[SubjectId { iss: "other".into(), sub: "ann".into() }]).await.unwrap();
    assert_eq!(none, vec![]);
}

#[tokio::test]
async fn p34_a_missing_or_broken_file_knows_nobody_and_a_mended_one_everybody() {
    let file = File::with("version: 1\npeople: [");
    assert_eq!(file.directory().resolve(&slack("T1", "U1")).await.unwrap_err().code(), Code::DirectoryUnavailable);
    file.write(GOOD);
    assert!(file.directory().resolve(&slack("T1", "U1")).await.is_ok());
    fs::remove_file(file.0.path().join("people.yaml")).unwrap();
    assert_eq!(file.directory().resolve(&slack("T1", "U1")).await.unwrap_err().code(), Code::DirectoryUnavailable);
    assert_eq!(file.directory().group_size("sre").await, None);
}

#[tokio::test]
async fn p12_a_removed_right_is_gone_at_the_next_question() {
    let file = File::with(GOOD);
    let directory = file.directory();
    assert!(directory.resolve(&slack("T1", "U1")).await.unwrap().groups.contains("sre"));
    file.write(
        &GOOD.replace("name: Ann, standing: active, groups: [sre]", "name: Ann, standing: deactivated, groups: []"),
    );
    let now = directory.resolve(&slack("T1", "U1")).await.unwrap();
    assert_eq!((now.standing, now.groups.len()), (Standing::Deactivated, 0));
}

#[tokio::test]
async fn p33_guests_and_leavers_are_known_as_what_they_are_and_fill_no_group() {
    let file = File::with(GOOD);
    assert!(!file.directory().resolve(&slack("T1", "U2")).await.unwrap().is_active_human());
    assert_eq!(file.directory().group_size("sre").await, Some(1));
    assert_eq!(file.directory().group_size("old").await, Some(0));
    assert_eq!(file.directory().group_size("none").await, None);
}

#[test]
fn every_mistake_is_named_with_its_line() {
    mistakes(
        "version: 2\npeople:\n  - { iss: sso, sub: a, name: A, standing: active, accounts: [x] }\n  - { iss: sso, sub: a, name: \"\", standing: active, accounts: [slack/T/U] }\n  - { iss: sso, sub: b, name: B, standing: active, groups: [\"s\\u202Ere\"], accounts: [slack/T/U] }\n",
        &[
            "version 2 is not known",
            "people.yaml:3:63: `x` is not `front/team/user`",
            "people.yaml:4:5: `sso#a` stands here twice; first in line 3",
            "people.yaml:4:5: `name` is empty",
            "`groups` holds a character that hides itself",
            "the account `slack/T/U` belongs to",
        ],
    );
}

#[test]
fn unknown_and_repeated_keys_are_refused() {
    mistakes("version: 1\npeople: []\nadmins: []\n", &["people.yaml:3"]);
    mistakes("version: 1\npeople: []\npeople: []\n", &["people.yaml:3"]);
    mistakes(&GOOD.replace("sub: gil,", "sub: gil, sub: ann,"), &["people.yaml:4"]);
    mistakes(&GOOD.replace("standing: guest", "standing: admin"), &["people.yaml:4"]);
}
