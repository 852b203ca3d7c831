//! What the comparisons of rsip with our readers share.

/// Parameters as they are written.
pub(crate) fn joined<'a>(params: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let written = |(name, value): (&str, Option<&str>)| match value {
        Some(value) => format!(";{name}={value}"),
        None => format!(";{name}"),
    };
    params.map(written).collect()
}
