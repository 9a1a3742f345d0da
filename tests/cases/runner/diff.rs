//! The difference of two texts, line by line.

use std::fmt::Write as _;

/// Equal lines shown around a change.
const AROUND: usize = 2;

/// Lines only in `old` behind a minus, those only in `new` behind a plus.
pub(crate) fn of(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let marked = marked(&old, &new);
    let changed = |at: usize| marked.get(at).is_some_and(|(mark, _)| *mark != ' ');
    let mut text = String::new();
    let mut left_out = false;
    for (at, (mark, line)) in marked.iter().enumerate() {
        if (at.saturating_sub(AROUND)..=at + AROUND).any(changed) {
            if left_out {
                text.push_str("    ..\n");
            }
            let _ = writeln!(text, "  {mark} {line}");
        }
        left_out = !(at.saturating_sub(AROUND)..=at + AROUND).any(changed);
    }
    text
}

/// Each line of both with its mark; what is common is the longest common part in order.
fn marked<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let width = new.len() + 1;
    let mut longest = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]
        {
            all.push(('-', old[i]));
            i += 1;
        } else {
            all.push(('+', new[j]));
            j += 1;
        }
    }
    all
}

#[test]
fn a_changed_line_is_shown_with_its_neighbours() {
    let old = "a\nb\nc\nd\ne\nf\ng\nh\n";
    let new = "a\nb\nc\nd\ne\nF\ng\nh\n";
    assert_eq!(
        of(old, new),
        "    d\n    e\n  - f\n  + F\n    g\n    h\n".replace("    d", "    ..\n    d")
    );
    assert_eq!(of(old, old), "");
}
