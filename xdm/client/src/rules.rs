//! common-policy documents: RFC 4745 with the conditions and actions of OMA XDM, RFC 5025 and PoC (XDM-34, XDM-36,
//! XDM-56…70).
//!
//! One reader for access-rules, pres-rules and pocrules: what a rule says is told by namespace, not by document.

use std::sync::Arc;

use rollmark_core::blocklist::BlockList;
use rollmark_core::blocklist::rules::{
    Actions, AllowInvite, Condition, Except, ExternalList, Interval, Members, Rule, RuleSet,
    Services, SubHandling, Who,
};
use rollmark_core::wall_time::WallTime;

use crate::document::{Document, DocumentError, Element, Id, MAX_DOCUMENT};
use crate::reference::list_name;

/// XML namespace of rules (RFC 4745 §13).
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:common-policy";
/// XML namespace of OMA's conditions on identities (XDM-62).
pub const OMA_COMMON_POLICY: &str = "urn:oma:xml:xdm:common-policy";
/// XML namespace of OMA's XDM extensions: services, `allow-reject-invite` (XDM-34).
pub const OMA_EXTENSIONS: &str = "urn:oma:xml:xdm:extensions";
/// XML namespace of presence rules (RFC 5025 §7).
pub const PRES_RULES: &str = "urn:ietf:params:xml:ns:pres-rules";
/// XML namespace of PoC user access policy (XDM-36).
pub const POC_RULES: &str = "urn:oma:xml:poc:poc-rules";
/// Content type of the documents (RFC 4745 §14.1).
pub const MEDIA_TYPE: &str = "application/auth-policy+xml";
/// Most rules of one document (SEC-07).
pub const MAX_RULES: usize = 10_000;
/// Most identities, domains and lists that the conditions of one document name (SEC-07).
pub const MAX_NAMED: usize = 20_000;

/// Why rules cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RulesError {
    /// No XML document that can be read, or one of another kind.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// UTF-16 with half of a character, or half of an octet pair (SEC-08).
    #[error("the document is UTF-16, but not well-formed: save it as UTF-8")]
    NotUtf16,
    /// More rules than [`MAX_RULES`].
    #[error("the document has more than {MAX_RULES} rules")]
    TooManyRules,
    /// More identities than [`MAX_NAMED`].
    #[error("the rules name more than {MAX_NAMED} identities, domains and lists")]
    TooManyNamed,
}

/// Reads the rules of a common-policy document. External lists are left unresolved.
///
/// UTF-8, and UTF-16 with a byte order mark, in which policies may be stored (RFC 4745 §7.1.3, SEC-08). What is not known
/// makes a condition false (XDM-57), and is passed over elsewhere.
///
/// # Errors
/// When the document cannot be read whole: half of a policy can mean the contrary.
pub fn parse(octets: &[u8]) -> Result<RuleSet, RulesError> {
    let document = read(octets)?;
    if let Some(root) = document.element(Document::ROOT)
        && !root.is(NAMESPACE, "ruleset")
    {
        return Err(RulesError::Document(DocumentError::Root {
            found: root.expanded_name(),
            expected: "{urn:ietf:params:xml:ns:common-policy}ruleset",
        }));
    }
    let mut reader = Reader {
        document: &document,
        named: 0,
    };
    let mut set = RuleSet::default();
    for (id, element) in document.children(Document::ROOT) {
        if !element.is(NAMESPACE, "rule") {
            continue;
        }
        if set.rules.len() == MAX_RULES {
            return Err(RulesError::TooManyRules);
        }
        set.rules.push(reader.rule(id, element)?);
    }
    Ok(set)
}

/// The rules as a block list. Its lack of external lists is in the rules (XDM-52).
#[must_use]
pub fn block_list(set: RuleSet) -> BlockList {
    BlockList {
        entries: Vec::new(),
        complete: true,
        rules: Some(Arc::new(set)),
    }
}

/// The members of an external list, as read from its document.
#[must_use]
pub fn members(list: &BlockList) -> Members {
    Members {
        uris: list.entries.iter().map(|entry| entry.uri.clone()).collect(),
        complete: list.complete,
    }
}

fn read(octets: &[u8]) -> Result<Document, RulesError> {
    let pairs = match octets {
        [0xff, 0xfe, rest @ ..] => rest
            .as_chunks()
            .0
            .iter()
            .map(|&pair| u16::from_le_bytes(pair)),
        [0xfe, 0xff, rest @ ..] => {
            return utf16(
                octets,
                rest.as_chunks()
                    .0
                    .iter()
                    .map(|&pair| u16::from_be_bytes(pair)),
            );
        }
        _ => return Ok(Document::parse(octets)?),
    };
    utf16(octets, pairs)
}

fn utf16(octets: &[u8], units: impl Iterator<Item = u16>) -> Result<Document, RulesError> {
    if octets.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLarge.into());
    }
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if octets.len().is_multiple_of(2) => Ok(Document::parse_text(&text, "utf-16")?),
        _ => Err(RulesError::NotUtf16),
    }
}

struct Reader<'a> {
    document: &'a Document,
    /// Counted up to [`MAX_NAMED`].
    named: usize,
}

impl Reader<'_> {
    fn rule(&mut self, id: Id, element: &Element) -> Result<Rule, RulesError> {
        let mut rule = Rule {
            id: element.attribute("id").unwrap_or_default().trim().into(),
            ..Rule::default()
        };
        for (id, part) in self.document.children(id) {
            if part.is(NAMESPACE, "conditions") {
                for (id, condition) in self.document.children(id) {
                    rule.conditions.push(self.condition(id, condition)?);
                }
            } else if part.is(NAMESPACE, "actions") {
                for (_, action) in self.document.children(id) {
                    rule.actions = rule.actions.combined(self::action(action));
                }
            }
        }
        Ok(rule)
    }

    fn condition(&mut self, id: Id, element: &Element) -> Result<Condition, RulesError> {
        let namespace = element.namespace.as_deref().unwrap_or_default();
        Ok(match (namespace, element.name.as_str()) {
            (NAMESPACE, "identity") => Condition::Identity(self.identity(id)?),
            (NAMESPACE, "validity") => Condition::Validity(self.validity(id)),
            (NAMESPACE, "sphere") => {
                Condition::Sphere(element.attribute("value").unwrap_or_default().into())
            }
            (OMA_COMMON_POLICY, "external-list") => Condition::ExternalList(self.lists(id)?),
            (OMA_COMMON_POLICY, "other-identity") => Condition::OtherIdentity,
            (OMA_COMMON_POLICY, "anonymous-request") => Condition::AnonymousRequest,
            (OMA_EXTENSIONS, "service-list") => {
                let mut services = Vec::new();
                for (id, part) in self.document.children(id) {
                    services.extend(self.services(id, part)?);
                }
                Condition::Services(services)
            }
            (OMA_EXTENSIONS, "service" | "all-services-except") => {
                Condition::Services(self.services(id, element)?.into_iter().collect())
            }
            _ => Condition::Unknown,
        })
    }

    /// Children that are not known are false, and so without effect: one true child is enough (XDM-57).
    fn identity(&mut self, id: Id) -> Result<Vec<Who>, RulesError> {
        let mut who = Vec::new();
        for (id, element) in self.document.children(id) {
            if element.is(NAMESPACE, "one") {
                if let Some(uri) = attribute(element, "id") {
                    who.push(Who::One(uri));
                    self.count()?;
                }
            } else if element.is(NAMESPACE, "many") {
                self.count()?;
                let mut except = Vec::new();
                for (_, element) in self.document.children(id) {
                    if element.is(NAMESPACE, "except") {
                        let uri = attribute(element, "id").map(Except::Id);
                        let domain = attribute(element, "domain").map(Except::Domain);
                        except.extend(uri.into_iter().chain(domain));
                        self.count()?;
                    }
                }
                who.push(Who::Many {
                    domain: element
                        .attribute("domain")
                        .map(|domain| domain.trim().into()),
                    except,
                });
            }
        }
        Ok(who)
    }

    /// Each `from` with the `until` after it. One that cannot be read, or has no other, is never true.
    fn validity(&self, id: Id) -> Vec<Interval> {
        let mut intervals = Vec::new();
        let mut open = Vec::new();
        for (_, element) in self.document.children(id) {
            let time = WallTime::parse(element.text.trim());
            if element.is(NAMESPACE, "from") {
                open.extend(time);
            } else if element.is(NAMESPACE, "until") {
                let pairs = open.drain(..).zip(std::iter::repeat(time));
                intervals.extend(pairs.filter_map(|(from, until)| {
                    Some(Interval {
                        from,
                        until: until?,
                    })
                }));
            }
        }
        intervals
    }

    fn lists(&mut self, id: Id) -> Result<Vec<ExternalList>, RulesError> {
        let mut lists = Vec::new();
        for (_, element) in self.document.children(id) {
            if element.is(OMA_COMMON_POLICY, "entry")
                && let Some(anchor) = attribute(element, "anc")
            {
                self.count()?;
                lists.push(ExternalList {
                    name: list_name(&anchor).map(Arc::from),
                    anchor,
                    members: None,
                });
            }
        }
        Ok(lists)
    }

    fn services(&mut self, id: Id, element: &Element) -> Result<Option<Services>, RulesError> {
        Ok(if element.is(OMA_EXTENSIONS, "service") {
            self.count()?;
            Some(Services::Only(service(element)))
        } else if element.is(OMA_EXTENSIONS, "all-services-except") {
            let mut except = Vec::new();
            for (_, element) in self.document.children(id) {
                if element.is(OMA_EXTENSIONS, "service") {
                    self.count()?;
                    except.push(service(element));
                }
            }
            Some(Services::AllExcept(except))
        } else {
            None
        })
    }

    fn count(&mut self) -> Result<(), RulesError> {
        self.named += 1;
        if self.named > MAX_NAMED {
            return Err(RulesError::TooManyNamed);
        }
        Ok(())
    }
}

/// An attribute that says something.
fn attribute(element: &Element, name: &str) -> Option<Arc<str>> {
    let value = element.attribute(name)?.trim();
    (!value.is_empty()).then(|| value.into())
}

/// The name of a service: its enabler, else its text.
fn service(element: &Element) -> Arc<str> {
    let named = ["enabler", "name", "id"];
    let named = named.iter().find_map(|name| attribute(element, name));
    named.unwrap_or_else(|| element.text.trim().into())
}

/// What an action says of blocking; nothing if it is of another kind or has no value that is known.
fn action(element: &Element) -> Actions {
    let mut actions = Actions::default();
    let value = element.text.trim();
    match (element.namespace.as_deref(), element.name.as_str()) {
        (Some(PRES_RULES), "sub-handling") => {
            actions.sub_handling = match value {
                "block" => Some(SubHandling::Block),
                "confirm" => Some(SubHandling::Confirm),
                "polite-block" => Some(SubHandling::PoliteBlock),
                "allow" => Some(SubHandling::Allow),
                _ => None,
            };
        }
        (Some(POC_RULES), "allow-invite") => {
            actions.allow_invite = match value {
                "reject" => Some(AllowInvite::Reject),
                "pass" => Some(AllowInvite::Pass),
                "accept" => Some(AllowInvite::Accept),
                _ => None,
            };
        }
        (Some(OMA_EXTENSIONS), "allow-reject-invite") => {
            actions.allow_reject_invite = match value {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            };
        }
        _ => {}
    }
    actions
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
