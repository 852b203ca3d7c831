//! `rollmark xdm blocked`: who is blocked, by which source, and how far each source can be trusted (XDM-32, XDM-52).

use rollmark::core::blocklist::rules::{
    Actions, AllowInvite, Condition, RuleSet, SubHandling, Who,
};
use rollmark::core::uri::{Form, IdentityRules, identity};
use rollmark::{BlockList, SourceState};
use rollmark_xdm::source::{FILE_POLL, FileSource, Polling};
use serde_json::{Value, json};

use super::args::Blocked;
use super::wrong_use;
use crate::fault::Fault;
use crate::json::source_state;
use crate::show;
use crate::text::safe;

/// A source as it was read.
struct Read {
    name: String,
    state: SourceState,
    list: BlockList,
    etag: Option<String>,
    error: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(args: &Blocked) -> Result<(), Fault> {
    let place = &args.place;
    if args.block_list.is_empty() && place.xcap_root.is_none() && place.identity.is_none() {
        wrong_use("--block-list, --xcap-root or --as is needed, to know where block lists are");
    }
    let mut sources = Vec::new();
    for path in &args.block_list {
        let own = place.identity.clone();
        let mut source =
            FileSource::new(path, own, FILE_POLL).with_nested(args.reading.nested_list_names);
        let update = source.next().await;
        sources.push(Read {
            name: source.name(),
            state: update.state,
            list: update.list.unwrap_or_default(),
            etag: None,
            error: source.last_error().map(str::to_owned),
        });
    }
    if place.xcap_root.is_some() || args.block_list.is_empty() {
        let connection = place.connection()?;
        let (root, reading) = (place.root()?, args.reading.reading());
        let polling = Polling::default();
        let documents =
            crate::source::documents(&connection, &root, place.xui(), polling, &reading);
        for mut source in documents? {
            let update = source.next().await;
            sources.push(Read {
                name: source.name(),
                state: update.state,
                list: update.list.unwrap_or_default(),
                etag: update.etag,
                error: source.last_error().map(str::to_owned),
            });
        }
    }
    for error in sources.iter().filter_map(|source| source.error.as_ref()) {
        eprintln!("rollmark: block list: {}", safe(error));
    }
    let rules = args.identities.rules();
    show::outcome(&if args.json {
        json(&sources, &rules)
    } else {
        text(&sources, &rules)
    })?;
    match sources.iter().all(|source| source.state == SourceState::Unavailable) {
        true => Err(Fault::BlockList(
            "no block list could be read, so nobody can be told from somebody blocked; the lines above say why".into(),
        )),
        false => Ok(()),
    }
}

/// An entry, or what a rule names.
struct Row {
    entry: String,
    list: Option<String>,
    rule: Option<String>,
}

fn rows(list: &BlockList) -> Vec<Row> {
    let entries = list.entries.iter().map(|entry| Row {
        entry: entry.uri.to_string(),
        list: entry.list.as_deref().map(str::to_owned),
        rule: entry.rule.as_deref().map(str::to_owned),
    });
    let rules = list.rules.iter().flat_map(|rules| blocking(rules));
    entries.chain(rules).collect()
}

/// Whom the rules that block name. Another rule may yet allow them: `rollmark rules` judges a single user.
fn blocking(rules: &RuleSet) -> Vec<Row> {
    let mut rows = Vec::new();
    for rule in rules.rules.iter().filter(|rule| blocks(&rule.actions)) {
        let mut row = |entry: &str| {
            rows.push(Row {
                entry: entry.to_owned(),
                list: None,
                rule: Some(rule.id.to_string()),
            });
        };
        for condition in &rule.conditions {
            match condition {
                Condition::Identity(who) => {
                    for who in who {
                        match who {
                            Who::One(uri) => row(uri),
                            Who::Many { domain, .. } => row(domain.as_deref().unwrap_or("*")),
                        }
                    }
                }
                Condition::ExternalList(lists) => {
                    for list in lists {
                        let members = list.members.iter().flat_map(|members| &members.uris);
                        members.for_each(|uri| row(uri));
                    }
                }
                Condition::OtherIdentity | Condition::AnonymousRequest => row("*"),
                _ => {}
            }
        }
        if rule.conditions.is_empty() {
            row("*");
        }
    }
    rows
}

fn blocks(actions: &Actions) -> bool {
    actions.sub_handling == Some(SubHandling::Block)
        || actions.allow_invite == Some(AllowInvite::Reject)
        || actions.allow_reject_invite == Some(true)
}

fn json(sources: &[Read], rules: &IdentityRules) -> String {
    let entries = sources.iter().flat_map(|source| {
        rows(&source.list).into_iter().map(|row| {
            json!({
                "entry": row.entry,
                "identity": identity(&row.entry, rules).canonical,
                "source": source.name,
                "list": row.list,
                "rule": row.rule,
            })
        })
    });
    let object = json!({
        "sources": sources.iter().map(|source| json!({
            "source": source.name,
            "state": source_state(source.state),
            "entries": rows(&source.list).len(),
            "etag": source.etag,
            "error": source.error,
        })).collect::<Vec<Value>>(),
        "entries": entries.collect::<Vec<Value>>(),
    });
    crate::json::escape(&object.to_string())
}

fn text(sources: &[Read], rules: &IdentityRules) -> String {
    let mut lines = Vec::new();
    for source in sources {
        let rows = rows(&source.list);
        let state = source_state(source.state);
        let plural = if rows.len() == 1 { "entry" } else { "entries" };
        lines.push(format!(
            "{}: {state}, {} {plural}",
            safe(&source.name),
            rows.len()
        ));
        for row in rows {
            let by = match (&row.list, &row.rule) {
                (Some(list), _) => format!("  ({})", safe(list)),
                (None, Some(rule)) => format!("  (rule {})", safe(rule)),
                (None, None) => String::new(),
            };
            let remark = match identity(&row.entry, rules).form {
                Form::Unreadable(_) if row.rule.is_none() => {
                    "  no URI: matches only its own octets"
                }
                Form::Wildcard => "  a wildcard: taken literally, not expanded",
                Form::Anonymous => "  anonymous: matches nobody",
                _ => "",
            };
            lines.push(format!("  {}{by}{remark}", safe(&row.entry)));
        }
    }
    lines.join("\n")
}
