//! Which lines a terminal cut, where a [`Reader`] has to tell: who knows what producers print reads more
//! values in lines that belong together, or other ones, and fewer lines say nothing to it.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::wrap::{Place, ends_whole, joined};
use super::{Reader, Told};
use std::cmp::Ordering::{Equal, Greater, Less};

/// So much is read in all for places one by one.
const MOST_WORK: usize = 128 << 10;

/// Lines, and which of them go on in the next one as far as is known.
struct Judge<'a> {
    lines: &'a [&'a str],
    reader: Reader<'a>,
    joins: Vec<bool>,
    told: Told,
}

/// Behind which of `lines` the next one goes on. What is certain of `places` stays.
pub(super) fn judged(
    lines: &[&str],
    is_full: &dyn Fn(&str) -> bool,
    places: &[Place],
    reader: Reader<'_>,
) -> Vec<bool> {
    let joins: Vec<bool> = places.iter().map(|place| place.is_joined()).collect();
    let is_open = |(at, place): &(usize, &Place)| match place {
        Place::LikelyCut => true,
        Place::End => pair(lines, *at).is_some_and(|(line, next)| {
            is_full(line) && !ends_whole(line, next) && !is_fence(next)
        }),
        Place::Cut | Place::Beginning => false,
    };
    let open: Vec<usize> = places.iter().enumerate().filter(is_open).map(|(at, _)| at).collect();
    if open.is_empty() {
        return joins;
    }
    let told = reader(&joined(lines, &joins));
    let mut judge = Judge { lines, reader, joins, told };
    let certain: Vec<bool> = places.iter().map(|place| *place == Place::Cut).collect();
    let mut all = certain.clone();
    all.iter_mut()
        .enumerate()
        .filter(|(at, _)| open.contains(at))
        .for_each(|(_, join)| *join = true);
    judge.consider(certain, None);
    judge.consider(all, None);
    if judge.told.numbers.is_empty() && judge.told.words.is_empty() {
        return judge.joins;
    }
    judge.one_by_one(&open);
    judge.joins
}

fn pair<'a>(lines: &[&'a str], at: usize) -> Option<(&'a str, &'a str)> {
    Some((*lines.get(at)?, *lines.get(at.saturating_add(1))?))
}

fn is_fence(line: &str) -> bool {
    line.starts_with("```") || line.starts_with("~~~")
}

/// Whether a word was cut that is no number: a line seldom begins in lower case.
fn cuts_word((line, next): (&str, &str)) -> bool {
    line.ends_with(char::is_alphabetic) && next.starts_with(char::is_lowercase)
}

impl Judge<'_> {
    fn one_by_one(&mut self, open: &[usize]) {
        let len: usize = self.lines.iter().map(|line| line.len()).sum();
        let mut work = MOST_WORK;
        // What is told by one place may tell of another.
        loop {
            let before = self.joins.clone();
            for at in open {
                if work == 0 {
                    return;
                }
                let mut joins = self.joins.clone();
                let Some(join) = joins.get_mut(*at) else { continue };
                *join = !*join;
                if !*join || self.is_worth_it(*at) {
                    work = work.saturating_sub(len);
                    self.consider(joins, pair(self.lines, *at));
                }
            }
            if self.joins == before {
                return;
            }
        }
    }

    /// Whether something may be gained where these two are put together: the second one says nothing
    /// alone, or a word is cut.
    fn is_worth_it(&self, at: usize) -> bool {
        let Some((line, next)) = pair(self.lines, at) else { return false };
        let cut = line.ends_with(char::is_alphanumeric) && next.starts_with(char::is_alphanumeric);
        let next = next.trim();
        cut || self.told.silent.iter().any(|silent| next.ends_with(silent.as_str()))
    }

    /// Takes `joins` if more can be read with it. `place`: the one place that changes.
    fn consider(&mut self, joins: Vec<bool>, place: Option<(&str, &str)>) {
        if joins == self.joins {
            return;
        }
        let told = (self.reader)(&joined(self.lines, &joins));
        let apart = joins.iter().zip(&self.joins).any(|(new, old)| !new && *old);
        let cuts_word = place.is_some_and(cuts_word);
        let silence = told.silent.len().cmp(&self.told.silent.len());
        let len = |told: &Told| told.numbers.iter().map(String::len).sum::<usize>();
        let is_better = match told.numbers.len().cmp(&self.told.numbers.len()) {
            // The halves of a number are two, and one of them says nothing.
            Greater => !apart || silence != Greater,
            Less => false,
            Equal if told.numbers != self.told.numbers => {
                let longer = apart || len(&told) >= len(&self.told);
                longer && (silence == Less || (silence == Equal && !apart && cuts_word))
            }
            // Words alone prove no width, unless one is cut.
            Equal => {
                let is_cut = self.joins.contains(&true) || cuts_word;
                is_cut
                    && match told.words.len().cmp(&self.told.words.len()) {
                        Greater => !apart || silence != Greater,
                        Equal => told.words != self.told.words && silence == Less,
                        Less => false,
                    }
            }
        };
        if is_better {
            (self.told, self.joins) = (told, joins);
        }
    }
}
