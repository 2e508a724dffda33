//! What holds for every card, notice and output, however hostile.

use crate::support::cards::{NOW, argv, effect, lines, small, touched};
use crate::support::limits::{actions, check_page, check_view, literal_lines};
use countersign_chat::output::Stream;
use countersign_chat::{Card, Cast, EffectView, Fold, FoldLimits, Notice, OutputPart, Row, transcript, words};
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::command::Argv;
use countersign_core::effect::Change;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Tier;
use countersign_slack::render;
use proptest::prelude::*;

/// Pieces that were ever used to fool a reader or a parser.
const PIECES: [&str; 22] = [
    "<!channel>",
    "<@U012AB3CD>",
    "<https://evil|good>",
    "```",
    "`",
    "*bold*",
    ":skull:",
    "&amp;",
    "&lt;",
    "\u{202e}",
    "\u{200b}",
    "\u{1b}[2J",
    "\r",
    "\n",
    "\0",
    "\t",
    "Refused: x",
    "~ 3 lines not shown",
    "| ",
    "漢字",
    "\"\\\"",
    " ",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        2 => "[a-z0-9./=-]{1,12}",
    ];
    let text = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    // Mostly short, sometimes far beyond any limit.
    (text, prop_oneof![20 => Just(1_usize), 2 => Just(60), 1 => Just(4_000)])
        .prop_map(|(text, times)| text.repeat(times))
}

fn words_of(most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(hostile(), 0..most)
}

fn command() -> impl Strategy<Value = Argv> {
    words_of(8).prop_map(|words| {
        let elements = ["kubectl".to_owned()].into_iter().chain(words.into_iter().map(|word| word.replace('\0', "")));
        Argv::new(elements.collect()).unwrap_or_else(|_| argv(&["kubectl"]))
    })
}

fn found() -> impl Strategy<Value = EffectView> {
    let object = (hostile(), prop::option::of(hostile())).prop_map(|(name, value)| {
        touched(&name, value.map(|new| Change { path: "/a".into(), old: None, new: Some(new) }).into_iter().collect())
    });
    prop_oneof![
        1 => Just(EffectView::NotNeeded),
        1 => Just(EffectView::NoPreview),
        6 => (prop::collection::vec(object, 0..20), prop::option::of(hostile())).prop_map(|(all, text)| effect(all, text)),
    ]
}

fn card() -> impl Strategy<Value = Card> {
    let tier = prop::sample::select(vec![Tier::Read, Tier::Change, Tier::Change, Tier::Destructive]);
    (command(), found(), words_of(5), words_of(20), tier, prop::option::of(command())).prop_map(
        |(argv, effect, texts, more, tier, filter)| {
            let text = |nth: usize| texts.get(nth).cloned();
            let mut card = small();
            card.scope = Scope { env: text(0), target: text(1), namespace: text(2), region: text(3) };
            card.ballots = texts
                .iter()
                .map(|who| Cast { who: who.clone(), vote: Vote::Approve, at: NOW, reason: text(4) })
                .collect();
            card.resources = more.iter().map(|name| Resource::from_parts(&["k8s", name])).collect();
            card.reason = more.first().cloned();
            card.requester = text(0).unwrap_or_default();
            card.reasons = more;
            Card { argv, filters: filter.into_iter().collect(), tier, ..card }.with_effect(effect)
        },
    )
}

/// Whether every character that is decided stands there.
fn shows_all(card: &Card, blocks: &serde_json::Value) -> bool {
    let all = literal_lines(blocks).concat();
    let stands = |text: &str| all.contains(words::line(text).trim_end_matches('\n'));
    // On a card as a shell would want it, in a window each argument by itself.
    let is_shown = |filter: &Argv| stands(&filter.to_string()) || filter.elements().iter().all(|one| stands(one));
    let decided = [card.argv.to_string()].into_iter().chain(transcript::effect(&card.effect));
    card.filters.iter().all(is_shown) && decided.into_iter().all(|text| stands(&text))
}

fn blocks(page: &render::Page) -> serde_json::Value {
    serde_json::to_value(page.blocks()).unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn p30_approve_stands_only_beside_the_whole_command(card in card()) {
        let page = blocks(&render::card(&card, NOW));
        let offered = actions(&page);
        if offered.iter().any(|word| word == "approve") {
            prop_assert!(shows_all(&card, &page));
            prop_assert!(card.tier != Tier::Destructive);
        } else {
            prop_assert!(offered.iter().any(|word| word == "show-whole"), "there is always a way: {offered:?}");
        }
        let view = serde_json::to_value(render::whole(&card, NOW)).unwrap();
        if view.get("submit").is_some() {
            prop_assert_eq!(&view["callback_id"], "approve");
            prop_assert!(shows_all(&card, &view["blocks"]));
        } else {
            prop_assert_eq!(&view["callback_id"], "read");
        }
    }

    #[test]
    fn p31_nothing_foreign_is_markup_and_all_is_within_limits(card in card()) {
        check_page(&render::card(&card, NOW));
        check_view(&render::whole(&card, NOW));
        check_page(&render::received(&card.requester, &card.argv.to_string()));
    }

    #[test]
    fn p31_notices_are_within_limits_and_without_markup(texts in words_of(80), at in 1_usize..50) {
        let first = texts.first().cloned().unwrap_or_default();
        let refusal = Refusal::new(Code::Denied, first.clone(), first.clone()).by_rule(first.clone()).at(at, 3);
        let rows: Vec<Row> = texts.iter().map(|text| Row::new(text.clone(), first.clone())).collect();
        for notice in [
            Notice::Refused { refusal, typed: Some(first.clone()) },
            Notice::Help { rows: rows.clone() },
            Notice::Listed { title: first.clone(), rows },
            Notice::Rejected { who: first.clone(), reason: Some(first.clone()) },
            Notice::Drifted { lines: texts.clone() },
            Notice::UnknownOutcome { find_out: texts.clone() },
            Notice::Fault { reference: first, may_have_started: false },
        ] {
            check_page(&render::notice(&notice, NOW));
            check_view(&render::said(&notice, NOW));
        }
    }

    #[test]
    fn p44_p48_output_is_bounded_and_cannot_forge_a_mark(
        parts in prop::collection::vec((words_of(30), any::<bool>()), 0..6),
        characters in prop::sample::select(vec![40_usize, 2_000, 20_000]),
    ) {
        let mut fold = Fold::new(FoldLimits { characters, ..FoldLimits::default() });
        for (texts, err) in parts {
            let stream = if err { Stream::Err } else { Stream::Out };
            let first_line = fold.total();
            fold.add(&OutputPart { first_line, stream, lines: texts });
        }
        let page = render::output(&fold);
        check_page(&page);
        prop_assert!(page.is_cut() || fold.total() > 0 || page.blocks().len() <= 1);
        prop_assert!(!page.is_cut());
        let mut accounted = 0;
        for line in literal_lines(&blocks(&page)) {
            // Ours or foreign behind ours: nothing else begins a line.
            match line.get(..2) {
                Some("| " | "! ") => accounted += 1,
                Some("~ ") => {
                    let number = line.split(' ').nth(1).unwrap();
                    accounted += number.parse::<u64>().unwrap();
                }
                _ => prop_assert!(line.trim().is_empty() && fold.total() == 0, "{line:?}"),
            }
        }
        prop_assert_eq!(accounted, fold.total());
    }
}

#[test]
fn p44_a_hundred_kilobytes_without_a_line_end_are_one_short_message() {
    let mut fold = Fold::new(FoldLimits::default());
    for nth in 0..100 {
        fold.add(&lines(nth, Stream::Out, &["\u{202e}\"x".repeat(100_000 / 8).as_str()]));
    }
    let page = render::output(&fold);
    check_page(&page);
    let all = literal_lines(&blocks(&page));
    let hidden =
        |line: &String| line.strip_prefix("~ ").map_or(1, |rest| rest.split(' ').next().unwrap().parse().unwrap());
    assert_eq!(all.iter().map(hidden).sum::<u64>(), fold.total(), "{all:?}");
}

#[test]
fn p31_what_a_button_carries_is_a_name_and_nothing_else() {
    let page = blocks(&render::card(&small(), NOW));
    let values = page.as_array().unwrap().iter().filter(|block| block["type"] == "actions");
    for button in values.flat_map(|block| block["elements"].as_array().unwrap()) {
        let digest = small().decision.unwrap();
        assert_eq!(button["value"], format!("{}:{digest}", small().invocation));
    }
}

#[test]
fn p48_a_long_line_does_not_come_to_stand_where_a_mark_does() {
    for length in [2_300, 2_500, 2_899, 2_901, 5_000, 8_000, 100_000] {
        let mut fold = Fold::new(FoldLimits { characters: 200_000, ..FoldLimits::default() });
        fold.add(&lines(0, Stream::Out, &["~ 0 lines not shown ".repeat(length / 20).as_str(), "end"]));
        let all = literal_lines(&blocks(&render::output(&fold)));
        assert_eq!(all.len(), 2, "{length}: {} lines", all.len());
        assert!(all.iter().all(|line| line.starts_with("| ")));
    }
}
