//! Whatever stands in a foreign text, it changes nothing around it.

use super::*;

/// Everything that was ever used to fool a reader, in one text.
fn hostile() -> String {
    format!(
        "\u{1b}[2J\u{1b}]8;;http://evil\u{7}\u{202e}<script>alert(1)</script><!channel> <@U1>`{}`\r\n  Refused: x\0\u{5d0}\u{5d1}{}",
        "```",
        "x".repeat(10_000)
    )
}

/// A card whose every foreign text is `text`.
fn card_of(text: &str) -> Card {
    let element = text.replace('\0', "");
    let some = || Some(text.to_owned());
    let object = Touched {
        verb: text.into(),
        kind: text.into(),
        namespace: some(),
        name: text.into(),
        uid: some(),
        changes: vec![Change { path: text.into(), old: some(), new: some() }],
    };
    Card {
        argv: argv(&["kubectl", &element]),
        filters: vec![argv(&[&element])],
        scope: Scope { env: some(), target: some(), namespace: some(), region: some() },
        reasons: vec![text.into()],
        requester: text.into(),
        reason: some(),
        ticket: some(),
        effect: EffectView::Found(Effect::new(text.into(), text.into(), id(), vec![object], Some("one line".into()))),
        rules: vec![RuleProgress {
            id: text.into(),
            quorum: text.into(),
            needed: 3,
            agreed: vec![text.into()],
            factor: text.into(),
        }],
        ballots: vec![Cast { who: text.into(), vote: Vote::Approve, at: NOW, reason: some() }],
        last_runs: vec![LastRun { at: NOW, who: text.into(), ending: Ending::Ran, exit: None }],
        ..full()
    }
}

/// Every notice, with every foreign text being `text`.
fn notices_of(text: &str) -> Vec<Notice> {
    let it = || text.to_owned();
    let refusal = || Refusal::new(Code::BadValue, it(), it()).by_rule(it()).at(2, 5);
    let progress = || vec![Progress { rule: it(), agreed: 0, needed: 1 }];
    let EffectView::Found(effect) = card_of(text).effect else { panic!("an effect was given") };
    let finished = Finished {
        ending: Ending::Ran,
        exit: None,
        duration: Duration::from_secs(1),
        hidden_lines: 1,
        redactions: 1,
        notes: vec![it()],
    };
    let item = PendingItem { invocation: id(), command: it(), requester: it(), waits_for: it(), expires_at: NOW };
    vec![
        Notice::refused(refusal(), text),
        Notice::Help { rows: vec![Row::new(it(), it())] },
        Notice::Listed { title: it(), rows: vec![Row::new(it(), it())] },
        Notice::Pending { items: vec![item] },
        Notice::PreviewReady { effect },
        Notice::Agreed { who: it(), progress: progress() },
        Notice::Voted { vote: Vote::Approve, progress: progress() },
        Notice::Confirmed { who: it() },
        Notice::Rejected { who: it(), reason: Some(it()) },
        Notice::Running { worker: it(), isolation: Isolation::None },
        Notice::Finished(finished),
        Notice::Drifted { lines: vec![it()] },
        Notice::UnknownOutcome { find_out: vec![it()] },
        Notice::Cancelled { who: it(), was_running: true },
        Notice::InLine { behind: Some(it()), position: 2 },
        Notice::TimeRunsOut { left: Duration::from_secs(10) },
        Notice::NobodyThere { pool: it(), seen: None, until: Timestamp::from_millis(0) },
        Notice::SilenceEnds { at: Timestamp::from_millis(0), left: None, again: it() },
        Notice::Reconciled { who: it(), happened: true, note: Some(it()) },
        Notice::NotCounted { why: refusal() },
        Notice::Fault { reference: it(), may_have_started: true },
    ]
}

/// The same number of lines, each beginning as it does for a harmless text, and nothing in them
/// that a terminal would obey.
#[track_caller]
fn same_shape(evil: &str, plain: &str) {
    assert!(!evil.chars().any(|c| c != '\n' && is_deceptive(c)), "{evil:?}");
    let starts = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(['z', '\\']).next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(starts(evil).len(), starts(plain).len(), "{evil}");
    assert_eq!(starts(evil), starts(plain));
}

#[test]
fn p48_no_text_changes_the_lines_of_a_card() {
    // argv is quoted for the eye, so the harmless twin needs quoting as well.
    let evil = card(&card_of(&hostile()), NOW);
    let plain = card(&card_of("z z"), NOW);
    same_shape(&evil, &plain);
}

#[test]
fn p48_no_text_changes_the_lines_of_a_notice() {
    for (evil, plain) in notices_of(&hostile()).iter().zip(notices_of("zzzzzzzz")) {
        let (evil, plain) = (notice(evil, NOW), notice(&plain, NOW));
        assert_eq!(evil.lines().count(), plain.lines().count(), "{evil}");
        assert!(!evil.chars().any(|c| c != '\n' && is_deceptive(c)), "{evil:?}");
    }
}

#[test]
fn p48_no_output_looks_like_our_own_words() {
    let mut fold = Fold::new(FoldLimits::default());
    fold.add(&OutputPart { first_line: 0, stream: Stream::Out, lines: vec![hostile(), "Refused: x".into()] });
    let shown = output(&fold);
    assert_eq!(shown.lines().count(), 2);
    assert!(shown.lines().all(|line| line.starts_with("  | ")), "{shown}");
    assert!(!shown.chars().any(|c| c != '\n' && is_deceptive(c)));
}
