use super::*;
use countersign_audit::event::{Event, Kind};
use countersign_audit::record::{Record, WriterId};
use countersign_core::certificate::Role;
use countersign_core::time::Timestamp;

fn hit(event: Event) -> Hit {
    let writer = WriterId::mint(Role::Gateway);
    let record =
        Record { seq: 1, prev: writer.genesis(), at: Timestamp::from_millis(1_795_222_800_004), writer, event };
    Hit { line: record.line(), record }
}

#[test]
fn columns_stand_below_each_other_and_nothing_in_a_cell_moves_the_terminal() {
    let hostile = Event::of(Kind::LogRead).detail("filter", "x\u{1b}[2J\r\n2026-11-21  outcome\u{202e}");
    let hits = [hit(hostile), hit(Event::of(Kind::Freeze))];
    let text = table(&hits);
    assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..0x7f).contains(&byte)), "{text:?}");
    assert_eq!(text.lines().count(), 3);
    let at = |line: &str| line.find("gateway").or_else(|| line.find("WHO"));
    assert!(text.lines().all(|line| at(line) == at(text.lines().next().unwrap())), "{text}");
    assert!(lines(&hits).bytes().all(|byte| byte == b'\n' || (b' '..0x7f).contains(&byte)));
}
