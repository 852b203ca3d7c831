//! `rollmark xdm`, `block`, `unblock`: block lists and documents on an XDMS or in a file (XDM-01…55).

pub(crate) mod args;
mod blocked;
mod edit;

use clap::CommandFactory;
use clap::error::ErrorKind;
use rollmark::core::uri::Uri;
use rollmark_xdm::capabilities::Capabilities;
use rollmark_xdm::client::{Fetched, Target};
use rollmark_xdm::selector::{
    ACCESS_RULES, ACCESS_RULES_DOCUMENT, DocumentSelector, INDEX, OMA_PRES_RULES,
    OMA_PRES_RULES_DOCUMENT, XCAP_CAPS, XCAP_DIRECTORY, XCAP_DIRECTORY_DOCUMENT, XcapRoot,
};
use rollmark_xdm::{Connection, Http};
use serde_json::json;

use crate::fault::{self, Fault};
use crate::show;
use crate::text::safe;
use args::{Command, Core, Place, Xdm};

pub(crate) use edit::{block, came_to, unblock};

/// Runs `rollmark xdm`.
pub(crate) async fn run(args: &Xdm) -> Result<(), Fault> {
    match &args.command {
        Command::Blocked(args) => blocked::run(args).await,
        Command::Get(args) => get(args).await,
        Command::Caps(args) => caps(args).await,
    }
}

/// Says what is wrong with the command line, and ends with the status for wrong use.
fn wrong_use(what: &str) -> ! {
    crate::args::Args::command()
        .error(ErrorKind::MissingRequiredArgument, what)
        .exit()
}

impl Place {
    /// The XCAP root: the configured one, or that which RFC 4825 §6.1 has us assume (XDM-01).
    fn root(&self) -> Result<XcapRoot, Fault> {
        let root = match (&self.xcap_root, &self.identity) {
            (Some(root), _) => XcapRoot::parse(root),
            (None, Some(identity)) => {
                match Uri::parse(identity).ok().as_ref().and_then(Uri::host) {
                    Some(host) => XcapRoot::assumed(host),
                    None => wrong_use(
                        "--xcap-root is needed: the identity given with --as has no domain",
                    ),
                }
            }
            (None, None) => wrong_use("--xcap-root or --as is needed, to know which XDMS to ask"),
        };
        root.map_err(|fault| Fault::Xcap(fault.to_string()))
    }

    /// Whose documents.
    fn xui(&self) -> &str {
        match &self.identity {
            Some(identity) => identity,
            None => wrong_use("--as is needed, to know whose documents are meant"),
        }
    }

    fn connection(&self) -> Result<Connection, Fault> {
        let user = self.xcap_user.as_deref();
        let credentials = fault::credentials(user, self.xcap_password_file.as_deref())?;
        let http = Http::new(&self.http.settings(self.xcap_ca.clone()))
            .map_err(|fault| Fault::Xcap(fault.to_string()))?;
        let intended_identity = match self.mode {
            Core::Ims => Some(self.xui().to_owned()),
            Core::Sip => None,
        };
        let settings = self.http.client(credentials, intended_identity);
        Ok(Connection::new(http, settings))
    }
}

/// What to fetch: a path, or an AUID alone.
fn target(args: &args::Get) -> Result<Target, Fault> {
    let root = args.place.root()?;
    let path = args.path.trim();
    if !path.contains('/') {
        let document = match path {
            ACCESS_RULES => ACCESS_RULES_DOCUMENT,
            OMA_PRES_RULES => OMA_PRES_RULES_DOCUMENT,
            XCAP_DIRECTORY => XCAP_DIRECTORY_DOCUMENT,
            _ => INDEX,
        };
        let selector = match path {
            XCAP_CAPS => DocumentSelector::global(root, path, document),
            _ => DocumentSelector::user(root, path, args.place.xui(), document),
        };
        let selector = selector.map_err(|fault| Fault::Xcap(fault.to_string()))?;
        return Ok(Target::document(&selector));
    }
    let (selector, node) =
        DocumentSelector::parse(root, path).map_err(|fault| Fault::Xcap(fault.to_string()))?;
    Ok(match node {
        Some(node) => Target::node(&selector, node),
        None => Target::document(&selector),
    })
}

async fn get(args: &args::Get) -> Result<(), Fault> {
    let target = target(args)?;
    let url = target.url().to_string();
    let fetched = args.place.connection()?.get(target).await;
    let Some(fetched) = fetched.map_err(|error| Fault::Xcap(error.to_string()))? else {
        return Err(Fault::Xcap(format!(
            "there is nothing at {url} (404); check the path, the XCAP root and whether it has been made"
        )));
    };
    let Fetched {
        body,
        etag,
        content_type,
    } = fetched;
    let text = String::from_utf8_lossy(&body);
    show::outcome(&if args.json {
        let object = json!({
            "url": url,
            "etag": etag,
            "content_type": content_type,
            "body": text,
        });
        crate::json::escape(&object.to_string())
    } else {
        text.trim_end_matches('\n')
            .split('\n')
            .map(safe)
            .collect::<Vec<_>>()
            .join("\n")
    })
}

async fn caps(args: &args::Caps) -> Result<(), Fault> {
    let root = args.place.root()?;
    let capabilities = args.place.connection()?.capabilities(&root).await;
    let Some(known) = capabilities.map_err(|error| Fault::Xcap(error.to_string()))? else {
        return Err(Fault::Xcap(
            "the XDMS does not say what it can do: it has no xcap-caps document (404); check the XCAP root".into(),
        ));
    };
    let Capabilities {
        auids,
        extensions,
        namespaces,
    } = &known;
    show::outcome(&if args.json {
        let object = json!({
            "auids": auids,
            "extensions": extensions,
            "namespaces": namespaces,
        });
        crate::json::escape(&object.to_string())
    } else {
        let part = |title: &str, names: &[String]| match names {
            [] => vec![format!("{title}: none")],
            names => {
                let lines = names.iter().map(|name| format!("  {}", safe(name)));
                [format!("{title}:")].into_iter().chain(lines).collect()
            }
        };
        let parts = [
            part("Application usages", auids),
            part("Extensions", extensions),
            part("Namespaces", namespaces),
        ];
        parts.concat().join("\n")
    })
}
