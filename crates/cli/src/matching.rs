//! `rollmark match`: whether a roster URI and a block-list entry denote the same user, and why (URI-01…26).

use rollmark::core::uri::{Form, Identity, Match, identity, same_identity};
use serde_json::json;

use crate::args::Match as Args;
use crate::fault::Fault;
use crate::show;
use crate::text::safe;

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Fault> {
    let rules = args.identities.rules();
    let found = same_identity(&args.uri, &args.entry, &rules);
    show::outcome(&if args.json {
        json(&found)
    } else {
        let identities = [&args.uri, &args.entry].map(|text| identity(text, &rules));
        text(&found, &identities)
    })
}

fn json(found: &Match) -> String {
    let object = json!({
        "match": found.matches,
        "canonical": found.canonical,
        "steps": found.steps.names().collect::<Vec<_>>(),
    });
    crate::json::escape(&object.to_string())
}

fn text(found: &Match, identities: &[Identity; 2]) -> String {
    let verdict = if found.matches {
        "The same user."
    } else {
        "Not the same user."
    };
    let mut lines = vec![verdict.to_owned()];
    for (label, identity) in ["roster", "entry"].iter().zip(identities) {
        lines.push(format!("  {label:<8}{}", safe(&identity.canonical)));
        lines.extend(remark(identity.form).map(|remark| format!("          {remark}")));
    }
    if !found.steps.is_empty() {
        let steps: Vec<_> = found.steps.names().collect();
        lines.push(format!("  after   {}", steps.join(", ")));
    }
    lines.join("\n")
}

/// What there is to say of a text that names no plain user or number.
fn remark(form: Form) -> Option<String> {
    match form {
        Form::Address | Form::Phone => None,
        Form::Anonymous => Some("an anonymous user: it matches nobody, not even itself".into()),
        Form::TemporaryGruu => {
            Some("a temporary GRUU: nobody can tell whose; it matches only its own octets".into())
        }
        Form::Wildcard => Some("a wildcarded identity: taken literally, not expanded".into()),
        Form::Other => {
            Some("a scheme that is not looked into: it matches only its own octets".into())
        }
        Form::Unreadable(fault) => Some(format!("it matches only its own octets: {fault}")),
    }
}
