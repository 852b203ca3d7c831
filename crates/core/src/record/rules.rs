//! Block lists on lines: entries, and the rules of a common-policy document with their conditions.
//!
//! ```text
//!   entry uri="sip:bob@x" list=oma_blockedcontacts
//!   rule id=a sub-handling=block
//!   identity
//!   many domain="example.org"
//!   except-id uri="sip:eve@example.org"
//! ```

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Fault;
use super::fields::{Fields, Value, words};
use crate::blocklist::rules::{
    Actions, AllowInvite, Condition, Except, ExternalList, Interval, Members, Rule, RuleSet,
    Services, SubHandling, Who,
};
use crate::blocklist::{BlockList, Entry};
use crate::wall_time::WallTime;

words!(SubHandling {
    Block = "block",
    Confirm = "confirm",
    PoliteBlock = "polite-block",
    Allow = "allow",
});
words!(AllowInvite { Reject = "reject", Pass = "pass", Accept = "accept" });

/// Milliseconds since 1970.
impl Value for WallTime {
    fn write(&self) -> Option<String> {
        Some(self.unix_millis().to_string())
    }
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_unix_millis)
    }
}

impl Value for Arc<str> {
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

/// The lines of a list, each a word and its fields.
pub(super) fn write(list: &BlockList) -> Vec<String> {
    let BlockList {
        entries,
        complete: _,
        rules,
    } = list;
    let mut lines = Lines(Vec::new());
    for entry in entries {
        lines.add("entry", |fields| entry_fields(&mut entry.clone(), fields));
    }
    for rule in rules.iter().flat_map(|rules| &rules.rules) {
        lines.add("rule", |fields| rule_fields(&mut rule.clone(), fields));
        for condition in &rule.conditions {
            lines.condition(condition);
        }
    }
    lines.0
}

struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, word: &str, describe: impl FnOnce(&mut Fields) -> Result<(), Fault>) {
        let mut fields = Fields::to_write();
        // Writing finds no fault.
        let _ = describe(&mut fields);
        let fields = fields.text();
        let blank = if fields.is_empty() { "" } else { " " };
        self.0.push([word, blank, &fields].concat());
    }

    fn one<T: Value + Clone>(&mut self, word: &str, key: &'static str, value: &T) {
        self.add(word, |fields| fields.value(key, &mut value.clone()));
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Identity(parts) => {
                self.add("identity", |_| Ok(()));
                for part in parts {
                    match part {
                        Who::One(uri) => self.one("one", "uri", uri),
                        Who::Many { domain, except } => {
                            self.one("many", "domain", domain);
                            for except in except {
                                match except {
                                    Except::Id(uri) => self.one("except-id", "uri", uri),
                                    Except::Domain(name) => {
                                        self.one("except-domain", "domain", name);
                                    }
                                }
                            }
                        }
                    }
                }
            }
            Condition::Validity(intervals) => {
                self.add("validity", |_| Ok(()));
                for interval in intervals {
                    self.add("interval", |fields| {
                        interval_fields(&mut interval.clone(), fields)
                    });
                }
            }
            Condition::Sphere(value) => self.one("sphere", "value", value),
            Condition::ExternalList(lists) => {
                self.add("external-list", |_| Ok(()));
                for list in lists {
                    self.add("list", |fields| list_fields(&mut list.clone(), fields));
                }
            }
            Condition::OtherIdentity => self.add("other-identity", |_| Ok(())),
            Condition::AnonymousRequest => self.add("anonymous-request", |_| Ok(())),
            Condition::Services(services) => {
                self.add("services", |_| Ok(()));
                for service in services {
                    match service {
                        Services::Only(name) => self.one("service", "name", name),
                        Services::AllExcept(names) => {
                            self.add("all-services", |fields| {
                                texts("except", &mut names.clone(), fields);
                                Ok(())
                            });
                        }
                    }
                }
            }
            Condition::Unknown => self.add("unknown", |_| Ok(())),
        }
    }
}

fn entry_fields(entry: &mut Entry, fields: &mut Fields) -> Result<(), Fault> {
    let Entry { uri, list, rule } = entry;
    fields.value("uri", uri)?;
    fields.value("list", list)?;
    fields.value("rule", rule)
}

fn rule_fields(rule: &mut Rule, fields: &mut Fields) -> Result<(), Fault> {
    let Rule {
        id,
        conditions: _,
        actions:
            Actions {
                sub_handling,
                allow_invite,
                allow_reject_invite,
            },
    } = rule;
    fields.value("id", id)?;
    fields.value("sub-handling", sub_handling)?;
    fields.value("allow-invite", allow_invite)?;
    fields.value("allow-reject-invite", allow_reject_invite)
}

fn interval_fields(interval: &mut Interval, fields: &mut Fields) -> Result<(), Fault> {
    let Interval { from, until } = interval;
    fields.value("from", from)?;
    fields.value("until", until)
}

fn list_fields(list: &mut ExternalList, fields: &mut Fields) -> Result<(), Fault> {
    let ExternalList {
        anchor,
        name,
        members,
    } = list;
    fields.value("anchor", anchor)?;
    fields.value("name", name)?;
    let mut complete = members.as_ref().map(|members| members.complete);
    let mut uris = members.take().unwrap_or_default().uris;
    fields.value("complete", &mut complete)?;
    texts("member", &mut uris, fields);
    *members = complete.map(|complete| Members { uris, complete });
    Ok(())
}

fn texts(key: &'static str, texts: &mut Vec<Arc<str>>, fields: &mut Fields) {
    let mut strings: Vec<String> = texts.iter().map(ToString::to_string).collect();
    fields.values(key, &mut strings);
    *texts = strings.into_iter().map(Into::into).collect();
}

/// The list of these lines.
pub(super) fn read(
    lines: Vec<(usize, String)>,
    complete: bool,
    with_rules: bool,
) -> Result<BlockList, Fault> {
    let mut entries = Vec::new();
    let mut rules: Vec<Rule> = Vec::new();
    for (line, text) in lines {
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let mut fields = Fields::to_read(line, rest)?;
        let read = &mut fields;
        match word {
            "entry" => {
                let mut entry = Entry {
                    uri: "".into(),
                    list: None,
                    rule: None,
                };
                entry_fields(&mut entry, read)?;
                entries.push(entry);
            }
            "rule" if with_rules => {
                let mut rule = Rule::default();
                rule_fields(&mut rule, read)?;
                rules.push(rule);
            }
            _ => {
                let rule = rules.last_mut().ok_or(Fault::Syntax { line })?;
                read_condition(&mut rule.conditions, word, line, read)?;
            }
        }
        fields.finish()?;
    }
    Ok(BlockList {
        entries,
        complete,
        rules: with_rules.then(|| Arc::new(RuleSet { rules })),
    })
}

/// A condition, or a part of the last one.
fn read_condition(
    conditions: &mut Vec<Condition>,
    word: &str,
    line: usize,
    fields: &mut Fields,
) -> Result<(), Fault> {
    let mut text: Arc<str> = "".into();
    let whole = match word {
        "identity" => Some(Condition::Identity(Vec::new())),
        "validity" => Some(Condition::Validity(Vec::new())),
        "sphere" => {
            fields.value("value", &mut text)?;
            Some(Condition::Sphere(text.clone()))
        }
        "external-list" => Some(Condition::ExternalList(Vec::new())),
        "other-identity" => Some(Condition::OtherIdentity),
        "anonymous-request" => Some(Condition::AnonymousRequest),
        "services" => Some(Condition::Services(Vec::new())),
        "unknown" => Some(Condition::Unknown),
        _ => None,
    };
    if let Some(condition) = whole {
        conditions.push(condition);
        return Ok(());
    }
    match (word, conditions.last_mut()) {
        ("one", Some(Condition::Identity(parts))) => {
            fields.value("uri", &mut text)?;
            parts.push(Who::One(text));
        }
        ("many", Some(Condition::Identity(parts))) => {
            let mut domain = None;
            fields.value("domain", &mut domain)?;
            let except = Vec::new();
            parts.push(Who::Many { domain, except });
        }
        ("except-id" | "except-domain", Some(Condition::Identity(parts))) => {
            let Some(Who::Many { except, .. }) = parts.last_mut() else {
                return Err(Fault::Syntax { line });
            };
            if word == "except-id" {
                fields.value("uri", &mut text)?;
                except.push(Except::Id(text));
            } else {
                fields.value("domain", &mut text)?;
                except.push(Except::Domain(text));
            }
        }
        ("interval", Some(Condition::Validity(intervals))) => {
            let never = WallTime::from_unix_millis(0);
            let mut interval = Interval {
                from: never,
                until: never,
            };
            interval_fields(&mut interval, fields)?;
            intervals.push(interval);
        }
        ("list", Some(Condition::ExternalList(lists))) => {
            let mut list = ExternalList {
                anchor: "".into(),
                name: None,
                members: None,
            };
            list_fields(&mut list, fields)?;
            lists.push(list);
        }
        ("service", Some(Condition::Services(services))) => {
            fields.value("name", &mut text)?;
            services.push(Services::Only(text));
        }
        ("all-services", Some(Condition::Services(services))) => {
            let mut names = Vec::new();
            texts("except", &mut names, fields);
            services.push(Services::AllExcept(names));
        }
        _ => return Err(Fault::Syntax { line }),
    }
    Ok(())
}
