//! Logs between the fences of markdown: in mails, tickets and chats.

/// The text cut at its fences: what is outside, inside, outside and so on. `None` if there is none, or
/// one is not closed. The fences themselves are in none of them.
pub(super) fn parts(text: &str) -> Option<Vec<&str>> {
    let finds = |mark: &str| memchr::memmem::find(text.as_bytes(), mark.as_bytes()).is_some();
    if !finds("```") && !finds("~~~") {
        return None;
    }
    let mut parts = Vec::new();
    let (mut start, mut at) = (0usize, 0usize);
    for line in text.split_inclusive('\n') {
        let end = at.saturating_add(line.len());
        if line.starts_with("```") || line.starts_with("~~~") {
            parts.push(text.get(start..at)?);
            start = end;
        }
        at = end;
    }
    parts.push(text.get(start..)?);
    (parts.len() >= 3 && parts.len() % 2 == 1).then_some(parts)
}
