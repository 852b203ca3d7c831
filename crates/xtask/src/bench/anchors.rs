//! What others make of the same documents: quick-xml (events, structs of Strings by serde) and roxmltree.

use quick_xml::events::Event;
use serde::Deserialize;

/// Reads every event and does nothing with it: the measure that the others are put beside. The number of events.
pub(super) fn bare(document: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(document);
    let mut events = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return events,
            Ok(_) => events += 1,
            Err(fault) => panic!("quick-xml does not read the document: {fault}"),
        }
    }
}

/// A tree of all nodes.
pub(super) fn tree(document: &str) -> usize {
    match roxmltree::Document::parse(document) {
        Ok(tree) => tree.descendants().count(),
        Err(fault) => panic!("roxmltree does not read the document: {fault}"),
    }
}

/// Structs of Strings by serde: the plain way to hold a document.
pub(super) fn structs(document: &str) -> ConferenceInfo {
    match quick_xml::de::from_str(document) {
        Ok(document) => document,
        Err(fault) => panic!("quick-xml does not deserialize the document: {fault}"),
    }
}

/// The plain form of a document. Only held, never looked at but for its length.
#[derive(Debug, Deserialize)]
#[allow(dead_code)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ConferenceInfo {
    #[serde(rename = "@entity")]
    entity: String,
    #[serde(rename = "@version")]
    version: u32,
    pub(super) users: Users,
}

#[derive(Debug, Deserialize)]
pub(super) struct Users {
    #[serde(default)]
    pub(super) user: Vec<User>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
#[serde(rename_all = "kebab-case")]
pub(super) struct User {
    #[serde(rename = "@entity")]
    entity: String,
    display_text: Option<String>,
    associated_aors: Option<Aors>,
    roles: Option<Roles>,
    #[serde(default)]
    endpoint: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Aors {
    #[serde(default)]
    entry: Vec<Aor>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
#[serde(rename_all = "kebab-case")]
struct Aor {
    uri: String,
    display_text: Option<String>,
    purpose: Option<String>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Roles {
    #[serde(default)]
    entry: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
#[serde(rename_all = "kebab-case")]
struct Endpoint {
    #[serde(rename = "@entity")]
    entity: String,
    display_text: Option<String>,
    status: Option<String>,
    joining_method: Option<String>,
    joining_info: Option<Execution>,
    #[serde(default)]
    media: Vec<Medium>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Execution {
    when: Option<String>,
    reason: Option<String>,
    by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
#[serde(rename_all = "kebab-case")]
struct Medium {
    #[serde(rename = "@id")]
    id: String,
    display_text: Option<String>,
    r#type: Option<String>,
    label: Option<String>,
    src_id: Option<String>,
    status: Option<String>,
}
