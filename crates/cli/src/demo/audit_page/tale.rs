//! The log's telling of a story, in the console's words.

use countersign_audit::story::{self, Telling};
use countersign_console::{Chapter, Form, Line, Part, Story};

pub(super) fn of(telling: &Telling) -> Story {
    Story {
        summary: telling.summary.iter().map(line).collect(),
        chapters: telling.chapters.iter().map(chapter).collect(),
        unreadable: telling.unreadable,
    }
}

fn chapter(it: &story::Chapter) -> Chapter {
    let part = match it.part {
        story::Part::Asked => Part::Asked,
        story::Part::Shown => Part::Shown,
        story::Part::Agreed => Part::Agreed,
        // A look at the effect is part of what people were shown.
        story::Part::Ran | story::Part::CameOut if it.event.ends_with("(preview)") => Part::Shown,
        story::Part::Ran => Part::Ran,
        story::Part::CameOut => Part::CameOut,
        story::Part::Read => Part::Read,
        story::Part::Other => Part::Other,
    };
    let (event, place) = (it.event.clone(), it.place.clone());
    Chapter { part, at: it.at, event, place, lines: it.lines.iter().map(line).collect() }
}

fn line(it: &story::Line) -> Line {
    let form = match it.form {
        story::Form::Plain => Form::Plain,
        story::Form::Code => Form::Code,
        story::Form::Minus => Form::Minus,
        story::Form::Plus => Form::Plus,
        // A seal that holds is a line like others; it goes where seals go.
        story::Form::Good | story::Form::Fold => Form::Fold,
        story::Form::Bad => Form::Bad,
    };
    Line { name: it.name.clone(), value: it.value.clone(), form }
}
