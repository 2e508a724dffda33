//! Fills a template with values, and reads the values back out of an argument vector.

use super::{Filled, values};
use crate::no::quoted;
use crate::vocabulary::Param;

/// More parameters in one element would make reading it back slow.
const MOST_IN_ONE: usize = 3;

/// A piece of a template's element.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Param(String),
}

/// Whether a template must use every parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Uses {
    All,
    Some,
}

/// Cuts an element at its placeholders.
fn parts(element: &str) -> Result<Vec<Part>, String> {
    let mut found = Vec::new();
    let mut literal = String::new();
    let mut chars = element.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                literal.push(c);
            }
            '{' => {
                if !literal.is_empty() {
                    found.push(Part::Literal(std::mem::take(&mut literal)));
                }
                let mut name = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some(c) if c != '{' => name.push(c),
                        _ => return Err(format!("{} has a `{{` that is not closed", quoted(element))),
                    }
                }
                found.push(Part::Param(name));
            }
            '}' => return Err(format!("{} has a `}}` that closes nothing", quoted(element))),
            _ => literal.push(c),
        }
    }
    if !literal.is_empty() || found.is_empty() {
        found.push(Part::Literal(literal));
    }
    Ok(found)
}

/// What is wrong with a template.
pub(super) fn mistakes(template: &[String], params: &[Param], uses: Uses) -> Vec<String> {
    let mut found = Vec::new();
    let mut named = Vec::new();
    for element in template {
        if element.contains('\0') {
            found.push(format!("{} holds NUL", quoted(element)));
        }
        match parts(element) {
            Err(why) => found.push(why),
            Ok(pieces) => {
                found.extend(element_mistakes(element, &pieces, params));
                named.extend(pieces.into_iter().filter_map(|part| match part {
                    Part::Param(name) => Some(name),
                    Part::Literal(_) => None,
                }));
            }
        }
    }
    let unused = params.iter().filter(|param| uses == Uses::All && !named.contains(&param.name));
    found.extend(unused.map(|param| format!("the template does not use {}", quoted(&param.name))));
    found
}

fn element_mistakes(element: &str, parts: &[Part], params: &[Param]) -> Vec<String> {
    let mut found = Vec::new();
    let mut count = 0;
    for part in parts {
        if let Part::Param(name) = part {
            count += 1;
            if !params.iter().any(|param| &param.name == name) {
                found.push(format!("{} names no parameter {}", quoted(element), quoted(name)));
            }
        }
    }
    let adjacent = parts.windows(2).any(|pair| pair.iter().all(|part| matches!(part, Part::Param(_))));
    if adjacent || count > MOST_IN_ONE {
        found.push(format!(
            "{} joins parameters with nothing between them, or more than {MOST_IN_ONE}",
            quoted(element)
        ));
    }
    found
}

/// The arguments of a template filled with these values.
pub(super) fn fill(template: &[String], filled: &Filled) -> Vec<String> {
    template
        .iter()
        .map(|element| {
            let pieces = parts(element).unwrap_or_default();
            pieces.iter().fold(String::new(), |text, part| match part {
                Part::Literal(literal) => text + literal,
                Part::Param(name) => text + filled.get(name).map_or("", String::as_str),
            })
        })
        .collect()
}

/// The values that fill the template to exactly these arguments; the first such, shortest first.
pub(super) fn read_back(template: &[String], arguments: &[String], params: &[Param]) -> Option<Filled> {
    if template.len() != arguments.len() {
        return None;
    }
    let mut filled = Filled::new();
    for (element, argument) in template.iter().zip(arguments) {
        filled = unify(&parts(element).ok()?, argument, params, filled)?;
    }
    params.iter().all(|param| filled.contains_key(&param.name)).then_some(filled)
}

fn unify(parts: &[Part], rest: &str, params: &[Param], filled: Filled) -> Option<Filled> {
    let Some((first, others)) = parts.split_first() else {
        return rest.is_empty().then_some(filled);
    };
    match first {
        Part::Literal(literal) => unify(others, rest.strip_prefix(literal.as_str())?, params, filled),
        Part::Param(name) => {
            let param = params.iter().find(|param| &param.name == name)?;
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.filter(|end| !others.is_empty() || *end == rest.len()).find_map(|end| {
                let (value, after) = rest.split_at_checked(end)?;
                let known = filled.get(name);
                if known.is_some_and(|known| known != value) || values::objection(param, value).is_some() {
                    return None;
                }
                let mut more = filled.clone();
                more.insert(name.clone(), value.to_owned());
                unify(others, after, params, more)
            })
        }
    }
}
