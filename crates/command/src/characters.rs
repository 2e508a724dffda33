//! Characters that imitate others, and words that mix alphabets.
//!
//! **Invariant:** plain ASCII always passes; what is refused has a name a person can act on.

use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, is_deceptive};

/// Characters outside ASCII that are read as ASCII punctuation, spaces, letters or digits.
///
/// Source: Unicode Technical Standard #39, confusables, by block; general categories Zs, Pd, Pi, Pf.
pub(crate) const fn imitates_ascii(c: char) -> bool {
    imitated(c).is_some() || is_space(c) || is_styled(c) || is_combining(c)
}

/// What nearly every character is, and no check says no to: a space, or ASCII that can be seen.
pub(crate) const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

const fn imitated(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2212}'
        | '\u{02d7}'
        | '\u{00ac}'
        | '\u{2796}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}'
        | '\u{30fc}'
        | '\u{ff70}'
        | '\u{2500}'
        | '\u{2501}'
        | '\u{058a}'
        | '\u{05be}'
        | '\u{1806}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{2e17}'
        | '\u{301c}'
        | '\u{3030}'
        | '\u{00af}'
        | '\u{02c9}' => "-",
        '\u{00b4}'
        | '\u{02b9}'..='\u{02bd}'
        | '\u{02c8}'
        | '\u{02ca}'
        | '\u{02cb}'
        | '\u{02f4}'
        | '\u{055a}'
        | '\u{05f3}'
        | '\u{0374}'
        | '\u{0384}'
        | '\u{2018}'
        | '\u{2019}'
        | '\u{201b}'
        | '\u{2032}'
        | '\u{2035}'
        | '\u{2039}'
        | '\u{203a}'
        | '\u{a78c}' => "'",
        '\u{00ab}'
        | '\u{00bb}'
        | '\u{02dd}'
        | '\u{02ee}'
        | '\u{05f4}'
        | '\u{201c}'..='\u{201f}'
        | '\u{2033}'
        | '\u{2036}'
        | '\u{275b}'..='\u{2760}'
        | '\u{300c}'..='\u{300f}'
        | '\u{301d}'..='\u{301f}' => "\"",
        '\u{2026}' | '\u{22ef}' => "...",
        '\u{00b7}' | '\u{2022}' | '\u{2024}' | '\u{2027}' | '\u{2219}' | '\u{22c5}' | '\u{30fb}' | '\u{3002}'
        | '\u{06d4}' | '\u{0660}' | '\u{06f0}' => ".",
        '\u{2044}' | '\u{2215}' | '\u{2571}' | '\u{29f8}' | '\u{2afb}' | '\u{338}' => "/",
        '\u{02d0}' | '\u{02f8}' | '\u{0589}' | '\u{05c3}' | '\u{2236}' | '\u{a789}' | '\u{fe30}' => ":",
        '\u{037e}' | '\u{204f}' => ";",
        '\u{201a}' | '\u{060c}' | '\u{00b8}' | '\u{3001}' => ",",
        '\u{2223}' | '\u{00a6}' | '\u{01c0}' | '\u{2758}' | '\u{2502}' | '\u{05c0}' => "|",
        '\u{2e40}' | '\u{a78a}' | '\u{30a0}' | '\u{2550}' => "=",
        '\u{02c2}' | '\u{276e}' | '\u{3008}' | '\u{27e8}' | '\u{2329}' => "<",
        '\u{02c3}' | '\u{276f}' | '\u{3009}' | '\u{27e9}' | '\u{232a}' => ">",
        '\u{2217}' | '\u{204e}' | '\u{066d}' => "*",
        '\u{02dc}' | '\u{223c}' | '\u{2053}' => "~",
        '\u{01c3}' | '\u{2d51}' => "!",
        '\u{0294}' | '\u{037f}' => "?",
        '\u{02cd}' | '\u{2017}' | '\u{203f}' | '\u{fe33}'..='\u{fe34}' | '\u{fe4d}'..='\u{fe4f}' => "_",
        '\u{2052}' | '\u{066a}' => "%",
        '\u{29f5}' | '\u{2216}' | '\u{29f9}' => "\\",
        _ => return None,
    })
}

const fn is_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Letters and digits in another dress: full-width, mathematical, enclosed, super- and subscript.
const fn is_styled(c: char) -> bool {
    matches!(c,
        '\u{aa}' | '\u{ba}' | '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{2070}'..='\u{209f}' | '\u{2100}'..='\u{218f}'
        | '\u{2460}'..='\u{24ff}' | '\u{ff00}'..='\u{ffef}' | '\u{fe50}'..='\u{fe6f}' | '\u{fb00}'..='\u{fb06}'
        | '\u{1d400}'..='\u{1d7ff}' | '\u{1f100}'..='\u{1f2ff}' | '\u{0250}'..='\u{02af}' | '\u{1d00}'..='\u{1dbf}'
        | '\u{10700}'..='\u{107bf}' | '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}' | '\u{13a0}'..='\u{13ff}'
        | '\u{1df00}'..='\u{1dfff}' | '\u{1fbf0}'..='\u{1fbf9}' | '\u{1ccd6}'..='\u{1ccf9}')
}

/// Marks that sit on the character before them.
const fn is_combining(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// What stands for itself wherever it is typed: no chat client writes it for something else, and no shell acts on it.
pub(crate) const fn is_itself(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '@' | '%' | '+')
}

/// What a person would call it.
pub(crate) fn name(c: char) -> String {
    let known = match c {
        '\0' => "a NUL",
        '\t' => "a tab",
        '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break",
        '\r' => "a carriage return",
        '\u{1b}' => "an escape character",
        '\u{ad}' => "a soft hyphen",
        '\u{200b}' => "a zero-width space",
        '\u{200c}' | '\u{200d}' => "a zero-width joiner",
        '\u{200e}' | '\u{200f}' | '\u{61c}' => "a direction mark",
        '\u{202a}' | '\u{202b}' => "a direction embedding",
        '\u{202d}' => "a left-to-right override",
        '\u{202e}' => "a right-to-left override",
        '\u{202c}' | '\u{2066}'..='\u{2069}' => "a direction isolate",
        '\u{feff}' => "a byte order mark",
        '\u{2013}' => "an en dash",
        '\u{2014}' => "an em dash",
        _ if c.is_control() => "a control character",
        _ if is_space(c) => "an unusual space",
        _ if is_combining(c) => "a combining mark",
        '\u{ff00}'..='\u{ffef}' if imitated(c).is_none() => "a full-width character",
        _ if is_styled(c) && imitated(c).is_none() => "a letter or digit in another style",
        _ => match imitated(c) {
            Some(ascii) => return format!("a character that imitates `{ascii}`"),
            None => "an invisible character",
        },
    };
    known.to_owned()
}

/// The alphabets told apart; everything else is one alphabet a block of 256.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Cjk,
    Block(u32),
}

fn script(c: char) -> Option<Script> {
    if !c.is_alphanumeric() || c.is_ascii_digit() {
        return None;
    }
    Some(match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}' | '\u{2de0}'..='\u{2dff}' | '\u{a640}'..='\u{a69f}' => Script::Cyrillic,
        '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}' => Script::Cjk,
        _ => Script::Block(u32::from(c) >> 8),
    })
}

/// argv never carries what a terminal or log would act on.
pub(crate) fn not_a_control(word: &Word) -> Checked<()> {
    if word.text.bytes().all(is_plain) {
        return Ok(());
    }
    match word.text.chars().find(|c| is_deceptive(*c)) {
        None => Ok(()),
        Some(c) => Err(no(
            Code::CharacterNotAllowed,
            format!("U+{:04X} is not allowed in a command", u32::from(c)),
            "type the command again with plain characters",
        )
        .over(word)),
    }
}

/// Refuses a word that mixes alphabets: `аpi` with a Cyrillic `а` is not `api`.
pub(crate) fn check_scripts(word: &Word) -> Checked<()> {
    if word.text.is_ascii() {
        return Ok(());
    }
    for run in word.text.split(|c: char| c.is_whitespace()) {
        let mut seen = None;
        for c in run.chars() {
            let here = script(c);
            if here.is_some() && seen.is_some() && here != seen {
                return Err(no(
                    Code::CharacterNotAllowed,
                    format!("{} mixes letters of different alphabets (U+{:04X})", quoted(run), u32::from(c)),
                    "type the word again; a letter only looks like the one you mean",
                )
                .over(word));
            }
            seen = here.or(seen);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p31_mixed_alphabets_are_refused() {
        for mixed in ["\u{430}pi", "p\u{3bf}ds", "web-\u{435}", "\u{13a}\u{440}i", "fine p\u{43e}ds"] {
            assert!(check_scripts(&Word::untyped(mixed)).is_err(), "{mixed}");
        }
        for plain in ["api-7f", "Jos\u{e9}", "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442} api", "\u{65e5}\u{672c}2"] {
            assert!(check_scripts(&Word::untyped(plain)).is_ok(), "{plain}");
        }
    }

    #[test]
    fn ascii_imitates_nothing() {
        assert!((0..128_u8).map(char::from).all(|c| !imitates_ascii(c)));
    }
}
