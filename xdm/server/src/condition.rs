//! Conditional requests (RFC 4825 §7.11, §8.2.6; RFC 9110 §13).

use axum::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};

/// What the conditions of a request say about a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Holds,
    /// If-Match fails.
    NoMatch,
    /// If-None-Match fails: the client has this one.
    Match,
}

/// Weighs If-Match, then If-None-Match, against the ETag of the document, if there is one (RFC 9110 §13.2.2).
pub(crate) fn weigh(headers: &HeaderMap, etag: Option<&str>) -> Verdict {
    // Strong comparison: a weak tag never matches ours, which are all strong.
    if let Some(list) = combined(headers, IF_MATCH)
        && !matches(&list, etag, false)
    {
        return Verdict::NoMatch;
    }
    if let Some(list) = combined(headers, IF_NONE_MATCH)
        && matches(&list, etag, true)
    {
        return Verdict::Match;
    }
    Verdict::Holds
}

/// All values of a header, joined as RFC 9110 §5.3 allows. A value that is not text matches nothing.
fn combined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn matches(list: &str, etag: Option<&str>, weak: bool) -> bool {
    let Some(etag) = etag else {
        return false;
    };
    list.trim() == "*"
        || tags(list).any(|tag| tag == etag || weak && tag.strip_prefix("W/") == Some(etag))
}

/// The entity tags of a list, with quotes; commas may stand within them (RFC 9110 §8.8.3).
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let open = rest.find('"')?;
        let close = open + 1 + rest.get(open + 1..)?.find('"')?;
        let (tag, after) = rest.split_at_checked(close + 1)?;
        rest = after;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_weighed_as_http_says() {
        // RFC 9110 §13.1.1, §13.1.2: (If-Match, If-None-Match, ETag of the document)
        use Verdict::{Holds, Match, NoMatch};
        let have = Some("\"a,1\"");
        for (if_match, if_none_match, etag, verdict) in [
            (None, None, have, Holds),
            (Some("\"a,1\""), None, have, Holds),
            (Some("\"x\", \"a,1\""), None, have, Holds),
            (Some("*"), None, have, Holds),
            (Some("*"), None, None, NoMatch),
            (Some("\"x\""), None, have, NoMatch),
            (Some("W/\"a,1\""), None, have, NoMatch),
            (Some("nonsense"), None, have, NoMatch),
            (None, Some("\"a,1\""), have, Match),
            (None, Some("\"x\" ,W/\"a,1\""), have, Match),
            (None, Some("*"), have, Match),
            (None, Some("*"), None, Holds),
            (None, Some("\"x\""), have, Holds),
            (Some("\"x\""), Some("\"a,1\""), have, NoMatch),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = if_match {
                headers.insert(IF_MATCH, value.parse().unwrap());
            }
            if let Some(value) = if_none_match {
                headers.insert(IF_NONE_MATCH, value.parse().unwrap());
            }
            let case = (if_match, if_none_match, etag);
            assert_eq!(weigh(&headers, etag), verdict, "{case:?}");
        }
    }
}
