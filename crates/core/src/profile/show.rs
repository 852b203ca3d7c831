//! The table as Markdown: what the documentation shows, made from what the code walks.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Condition, Kind, Mode, TABLE};

impl Condition {
    /// In a few words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::OfSession => "package `conference`",
            Self::AcceptContact => "not switched off",
            Self::Icsi => "ICSI configured",
            Self::Anonymous => "anonymous user",
            Self::TrustedProxy => "next hop configured as trusted",
            Self::AccessNetwork | Self::CellularNetwork => {
                "known, well-formed, and the path is protected or the user consents"
            }
            Self::Agreement => "security agreement in force",
        }
    }
}

/// [`TABLE`] as a table of Markdown.
#[must_use]
pub fn table_as_markdown() -> String {
    let mut text = String::from(
        "| header | value | plain | IMS | when | source |\n|---|---|---|---|---|---|\n",
    );
    for rule in TABLE {
        let messages: Vec<_> = rule.messages.iter().map(|kind| kind.describe()).collect();
        let messages = if rule.messages == Kind::ALL {
            "all".into()
        } else {
            messages.join(", ")
        };
        let cell = |mode| {
            if rule.modes.contains(&mode) {
                messages.as_str()
            } else {
                "-"
            }
        };
        let when: Vec<_> = rule.when.iter().map(|when| when.describe()).collect();
        let when = if when.is_empty() {
            "always".into()
        } else {
            when.join("; ")
        };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            rule.header,
            rule.value.describe(),
            cell(Mode::Sip),
            cell(Mode::Ims),
            when,
            rule.source
        ));
    }
    text
}
