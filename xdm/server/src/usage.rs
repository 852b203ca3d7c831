//! Application usages: what belongs to an AUID (RFC 4825 §5).

use crate::address::Selector;
use crate::conflict::Conflict;
use crate::resource_lists;
use crate::tree::Tree;

/// What a server must know of an application usage to serve it (RFC 4825 §5.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    auid: String,
    content_type: String,
    namespace: Option<String>,
    schema: Schema,
}

/// What is checked of a document beside its being well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schema {
    Any,
    ResourceLists,
    /// Root element, and `service` with unique `uri`.
    RlsServices,
    /// Root element in the namespace of common-policy, and rules with unique `id`.
    Ruleset,
    /// Made by the server, for reading only.
    Made,
}

pub(crate) const RESOURCE_LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
const RLS_SERVICES: &str = "urn:ietf:params:xml:ns:rls-services";
const COMMON_POLICY: &str = "urn:ietf:params:xml:ns:common-policy";
pub(crate) const CAPS: &str = "urn:ietf:params:xml:ns:xcap-caps";
pub(crate) const DIRECTORY: &str = "urn:oma:xml:xdm:xcap-directory";
pub(crate) const CAPS_AUID: &str = "xcap-caps";
pub(crate) const DIRECTORY_AUID: &str = "org.openmobilealliance.xcap-directory";

impl Usage {
    /// An application usage of the tests or the trial: documents of this MIME type, of which nothing but well-formedness is checked.
    /// `namespace` is the default document namespace of node selectors (RFC 4825 §5.3).
    pub fn new(auid: &str, content_type: &str, namespace: Option<&str>) -> Self {
        Self::with(auid, content_type, namespace, Schema::Any)
    }

    fn with(auid: &str, content_type: &str, namespace: Option<&str>, schema: Schema) -> Self {
        Self {
            auid: auid.to_owned(),
            content_type: content_type.to_owned(),
            namespace: namespace.map(str::to_owned),
            schema,
        }
    }

    /// The application usages that every server has: resource-lists, rls-services (RFC 4826), pres-rules (RFC 5025), those of OMA for rules
    /// (access-rules, pres-rules, poc-rules), and for reading xcap-caps (RFC 4825 §12) and xcap-directory (OMA XDM).
    pub(crate) fn usual() -> Vec<Self> {
        let rules = "application/auth-policy+xml";
        let pres_rules = Some("urn:ietf:params:xml:ns:pres-rules");
        [
            (
                CAPS_AUID,
                "application/xcap-caps+xml",
                Some(CAPS),
                Schema::Made,
            ),
            (
                "resource-lists",
                "application/resource-lists+xml",
                Some(RESOURCE_LISTS),
                Schema::ResourceLists,
            ),
            (
                "rls-services",
                "application/rls-services+xml",
                Some(RLS_SERVICES),
                Schema::RlsServices,
            ),
            ("pres-rules", rules, pres_rules, Schema::Ruleset),
            (
                "org.openmobilealliance.pres-rules",
                rules,
                Some(COMMON_POLICY),
                Schema::Ruleset,
            ),
            (
                "org.openmobilealliance.access-rules",
                rules,
                Some(COMMON_POLICY),
                Schema::Ruleset,
            ),
            (
                "org.openmobilealliance.poc-rules",
                rules,
                Some(COMMON_POLICY),
                Schema::Ruleset,
            ),
            (
                DIRECTORY_AUID,
                "application/vnd.oma.xcap-directory+xml",
                Some(DIRECTORY),
                Schema::Made,
            ),
        ]
        .into_iter()
        .map(|(auid, content_type, namespace, schema)| {
            Self::with(auid, content_type, namespace, schema)
        })
        .collect()
    }

    /// AUID.
    pub fn auid(&self) -> &str {
        &self.auid
    }

    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(crate) fn is_made(&self) -> bool {
        self.schema == Schema::Made
    }

    /// The namespaces whose documents are checked against their schema (RFC 4825 §12).
    pub(crate) fn checked_namespace(&self) -> Option<&str> {
        match self.schema {
            Schema::ResourceLists => self.namespace(),
            _ => None,
        }
    }

    /// RFC 4825 §8.2.5.
    pub(crate) fn check(&self, tree: &Tree) -> Result<(), Conflict> {
        match self.schema {
            Schema::Any | Schema::Made => Ok(()),
            Schema::ResourceLists => resource_lists::check(tree),
            Schema::RlsServices => {
                root(tree, RLS_SERVICES, "rls-services")?;
                unique(tree, "service", "uri")
            }
            Schema::Ruleset => {
                root(tree, COMMON_POLICY, "ruleset")?;
                unique(tree, "rule", "id")
            }
        }
    }
}

/// The usage of a document.
pub(crate) fn of<'a>(usages: &'a [Usage], selector: &Selector) -> Option<&'a Usage> {
    usages.iter().find(|usage| usage.auid == selector.auid)
}

pub(crate) fn root(tree: &Tree, namespace: &str, local: &str) -> Result<(), Conflict> {
    match tree.root().name.is(Some(namespace), local) {
        true => Ok(()),
        false => Err(Conflict::Schema(format!(
            "the root is not {local} in namespace {namespace}"
        ))),
    }
}

/// Children of the root have the attribute, each with a value of its own.
fn unique(tree: &Tree, local: &str, attribute: &str) -> Result<(), Conflict> {
    let namespace = tree.root().name.namespace.as_deref();
    let mut seen = std::collections::HashSet::new();
    let mut fields = Vec::new();
    for child in tree.children(0) {
        let element = tree.element(child);
        if !element.name.is(namespace, local) {
            continue;
        }
        let mut values = element
            .attributes
            .iter()
            .filter(|known| known.name.is(None, attribute));
        let value = values.next();
        let value =
            value.ok_or_else(|| Conflict::Schema(format!("{local} without {attribute}")))?;
        if !seen.insert(value.value.as_str()) {
            fields.push(resource_lists::field(tree, child, attribute));
        }
    }
    match fields.is_empty() {
        true => Ok(()),
        false => Err(Conflict::Uniqueness(fields)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(auid: &str, text: &str) -> Result<(), Conflict> {
        let usages = Usage::usual();
        let usage = of(&usages, &Selector::user(auid, "a", "index")).unwrap();
        usage.check(&Tree::document(text).unwrap())
    }

    #[test]
    fn rules_and_services_have_their_root_and_unique_keys() {
        let ruleset =
            |content: &str| format!("<r:ruleset xmlns:r='{COMMON_POLICY}'>{content}</r:ruleset>");
        assert_eq!(
            check("pres-rules", &ruleset("<r:rule id='a'/><r:rule id='b'/>")),
            Ok(())
        );
        let twice = check(
            "org.openmobilealliance.access-rules",
            &ruleset("<r:rule id='a'/><r:rule id='a'/>"),
        );
        let field = format!("r:ruleset/r:rule%5B2%5D/@id?xmlns(r={COMMON_POLICY})");
        assert_eq!(twice, Err(Conflict::Uniqueness(vec![field])));
        assert!(matches!(
            check("pres-rules", &ruleset("<r:rule/>")),
            Err(Conflict::Schema(_))
        ));
        assert!(matches!(
            check("pres-rules", "<ruleset/>"),
            Err(Conflict::Schema(_))
        ));
        let services = |content: &str| {
            format!("<rls-services xmlns='{RLS_SERVICES}'>{content}</rls-services>")
        };
        assert_eq!(
            check("rls-services", &services("<service uri='sip:a'/>")),
            Ok(())
        );
        let twice = check(
            "rls-services",
            &services("<service uri='sip:a'/><service uri='sip:a'/>"),
        );
        assert!(matches!(twice, Err(Conflict::Uniqueness(_))));
    }
}
