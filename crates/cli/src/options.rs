//! Options that several commands take, in groups: the same names, help and requirements everywhere, and what they come to.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum, ValueHint};
use rollmark::core::blocklist::rules::RuleSettings;
use rollmark::core::conference::{self, Limits};
use rollmark::core::digest::{Credentials, Policy};
use rollmark::core::header::Rate;
use rollmark::core::profile::{ContactPreference, Settings as ProfileSettings};
use rollmark::core::registration::{AccessNetworkError, check_access_network};
use rollmark::core::subscription::DEFAULT_MAX_ATTEMPTS;
use rollmark::core::uri::IdentityRules;
use rollmark::core::xml;
use rollmark_xdm::HttpSettings;
use rollmark_xdm::selector::XcapRoot;
use rollmark_xdm::source::{DEFAULT_POLL, Polling, Reading};

use crate::fault::{self, Fault};

/// Who the user is, and how he reaches his SIP core. What every command has that speaks SIP.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("secret").args(["password_file", "aka_file"]).multiple(true))]
pub(crate) struct Account {
    /// Your public identity (a SIP URI)
    #[arg(long = "as", value_name = "URI", required_if_eq("mode", "ims"))]
    pub(crate) identity: Option<String>,
    /// Outbound proxy, in IMS the P-CSCF; without it the conference's own domain is asked
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// Outbound proxy in plain mode, where that is another SIP core; SIGUSR1, or the key m, switches between the two
    #[arg(long, value_name = "HOST:PORT", requires = "server")]
    pub(crate) sip_server: Option<String>,
    /// How to reach the SIP server
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    pub(crate) transport: Transport,
    /// PEM file of the authority that signed the SIP server's certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca: Option<PathBuf>,
    /// User name for digest authentication: in IMS the private identity
    #[arg(long, value_name = "NAME", requires = "secret")]
    pub(crate) user: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// File with the keys of a SIM (lines k = HEX and opc = HEX); the sequence number is kept beside it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "identity")]
    pub(crate) aka_file: Option<PathBuf>,
    /// The kind of SIP core [default: auto with --aka-file, else sip]
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// Text for P-Access-Network-Info, and the consent to tell it to an IMS core without security association; never told in plain mode
    #[arg(long, value_name = "TEXT", requires = "identity", value_parser = access_network)]
    pub(crate) access_network: Option<String>,
    /// In IMS mode subscribe to your own registration state (RFC 3680), too, and follow what the network does with it
    #[arg(long, requires = "identity")]
    pub(crate) reg_event: bool,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    #[command(flatten)]
    pub(crate) reading: Documents,
}

impl Account {
    /// What answers digest challenges of the SIP core.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, Fault> {
        fault::credentials(self.user.as_deref(), self.password_file.as_deref())
    }

    /// How the user agent reaches the SIP core.
    pub(crate) fn agent(&self) -> rollmark_ua::Settings {
        rollmark_ua::Settings {
            server: self.server.clone(),
            transport: match self.transport {
                Transport::Udp => rollmark_ua::Transport::Udp,
                Transport::Tcp => rollmark_ua::Transport::Tcp,
                Transport::Tls => rollmark_ua::Transport::Tls,
            },
            ca: self.ca.clone(),
        }
    }
}

/// Where block lists are: files, and an XDMS. What every command has that looks for blocked users while it speaks SIP.
#[derive(Debug, Args)]
pub(crate) struct Lists {
    /// Block list in a file: plain lines, resource-lists or common-policy XML (may be repeated)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) block_list: Vec<PathBuf>,
    /// XCAP root of the XDMS that holds your block list
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) xcap_root: Option<String>,
    /// Who tells of changes on the XDMS (RFC 5875), a SIP URI: often your own identity [default: in an IMS core your own identity, elsewhere nobody: the XDMS is then asked every 15 minutes]
    #[arg(long, value_name = "URI", requires = "xcap_root")]
    pub(crate) xcap_notifier: Option<String>,
    /// XCAP root in plain mode, where it is another
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, requires = "xcap_root")]
    pub(crate) sip_xcap_root: Option<String>,
    /// User name for the XDMS
    #[arg(long, value_name = "NAME", requires_all = ["xcap_root", "xcap_password_file"])]
    pub(crate) xcap_user: Option<String>,
    /// File whose first line is the password for the XDMS
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "xcap_user")]
    pub(crate) xcap_password_file: Option<PathBuf>,
    /// PEM file of the authority that signed the XDMS's certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "xcap_root")]
    pub(crate) xcap_ca: Option<PathBuf>,
    /// Folder, yours alone, in which lists from the XDMS are kept until the next run
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, requires = "xcap_root")]
    pub(crate) xcap_cache: Option<PathBuf>,
    /// Seconds between two questions to an XDMS that nobody watches for you, at least 300 [default: 900]
    #[arg(long, value_name = "S", requires = "xcap_root", hide_short_help = true, value_parser = clap::value_parser!(u64).range(300..=604_800))]
    pub(crate) xcap_poll: Option<u64>,
    /// Endpoint entities take part in matching with the block list
    #[arg(long, hide_short_help = true)]
    pub(crate) match_endpoints: bool,
    #[command(flatten)]
    pub(crate) anchors: ListReading,
    #[command(flatten)]
    pub(crate) identities: Identities,
    #[command(flatten)]
    pub(crate) rules: RuleReading,
    #[command(flatten)]
    pub(crate) http: XcapHttp,
}

impl Lists {
    /// What answers digest challenges of the XDMS.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, Fault> {
        fault::credentials(
            self.xcap_user.as_deref(),
            self.xcap_password_file.as_deref(),
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Registers first and decides by what the registrar answers; plain SIP where nobody registers users
    Auto,
    /// Plain SIP (RFC 3261), without registration
    Sip,
    /// An IMS core (TS 24.229): registers first, then subscribes with its headers
    Ims,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// What the requests of an account are set to beyond the defaults.
#[derive(Debug, Args)]
pub(crate) struct Tuning {
    /// One more identity of yours: its row is your own, and never blocked (may be repeated)
    #[arg(long, value_name = "URI", hide_short_help = true)]
    pub(crate) also: Vec<String>,
    /// Ask for your name to be kept from the conference (RFC 3323, OMA SIMPLE IM)
    #[arg(long, hide_short_help = true)]
    pub(crate) anonymous: bool,
    /// How strongly a focus for instant messages is asked for
    #[arg(long, value_enum, default_value_t = AcceptContact::Strict, hide_short_help = true)]
    pub(crate) accept_contact: AcceptContact,
    /// IMS communication service identifier of the operator's service (urn:urn-7:3gpp-service.ims.icsi.…)
    #[arg(long, value_name = "URN", hide_short_help = true, value_parser = header_text)]
    pub(crate) icsi: Option<String>,
    /// Product tokens for User-Agent, behind the OMA token
    #[arg(long, value_name = "TEXT", hide_short_help = true, value_parser = header_text)]
    pub(crate) product: Option<String>,
    /// In plain mode do not follow the registrar's Service-Route
    #[arg(long, hide_short_help = true)]
    pub(crate) no_service_route: bool,
    /// In plain mode the next hop is a trusted proxy (RFC 3325): it is told your identity
    #[arg(long, hide_short_help = true)]
    pub(crate) trusted_proxy: bool,
    /// Attempts in a row that may fail before the subscription is given up
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_ATTEMPTS, hide_short_help = true, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) max_attempts: u8,
    /// Try again when the server cannot be reached at the very first attempt, too
    #[arg(long, hide_short_help = true)]
    pub(crate) retry_unreachable: bool,
    /// Round-trip time of the network in milliseconds (T1 of RFC 3261); the first NOTIFY is waited for 64 times that
    #[arg(long, value_name = "MS", default_value_t = 500, hide_short_help = true, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub(crate) t1: u64,
    /// Most notifications a second to ask for (RFC 6446)
    #[arg(long, value_name = "RATE", hide_short_help = true, value_parser = rate)]
    pub(crate) max_rate: Option<Rate>,
    /// Fewest notifications a second to ask for (RFC 6446)
    #[arg(long, value_name = "RATE", hide_short_help = true, value_parser = rate)]
    pub(crate) min_rate: Option<Rate>,
    /// Name the state you hold when refreshing, so that it need not be sent again (RFC 5839)
    #[arg(long, hide_short_help = true)]
    pub(crate) suppress: bool,
}

impl Account {
    /// What every profile is set to (IMS-05).
    pub(crate) fn profile_settings(&self) -> ProfileSettings {
        ProfileSettings {
            accept_contact: match self.tuning.accept_contact {
                AcceptContact::Strict => ContactPreference::Strict,
                AcceptContact::Lenient => ContactPreference::Lenient,
                AcceptContact::None => ContactPreference::None,
            },
            icsi: self.tuning.icsi.clone(),
            product: self.tuning.product.clone(),
            service_route: !self.tuning.no_service_route,
            trusted_proxy: self.tuning.trusted_proxy,
            watch_registration: self.reg_event,
        }
    }

    /// The account of a user as these options have it; profile, credentials and life are left to the command.
    pub(crate) fn settings(&self, identity: &str) -> rollmark::Account {
        let mut account = rollmark::Account::new(identity);
        account.also.clone_from(&self.tuning.also);
        account.anonymous = self.tuning.anonymous;
        account.conference = self.reading.settings();
        let subscription = &mut account.subscription;
        subscription.max_attempts = self.tuning.max_attempts;
        subscription.retry_unreachable = self.tuning.retry_unreachable;
        subscription.t1 = Duration::from_millis(self.tuning.t1);
        subscription.max_rate = self.tuning.max_rate;
        subscription.min_rate = self.tuning.min_rate;
        subscription.suppress = self.tuning.suppress;
        account
    }
}

impl Lists {
    /// Sets how an account marks the users that it sees.
    pub(crate) fn mark(&self, account: &mut rollmark::Account) {
        account.match_endpoints = self.match_endpoints;
        account.identities = self.identities.rules();
        account.rules = self.rules.settings();
    }

    /// How often the XDMS is asked.
    pub(crate) fn polling(&self) -> Polling {
        Polling {
            interval: self.xcap_poll.map_or(DEFAULT_POLL, Duration::from_secs),
            ..Polling::default()
        }
    }
}

/// How strongly a focus with the IM feature tag is asked for (OMA-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AcceptContact {
    /// Only where the feature tag is registered, as OMA SIMPLE IM has it
    Strict,
    /// The feature tag alone, as RCS clients send it
    Lenient,
    /// No Accept-Contact
    None,
}

/// How conference-info documents are read.
#[derive(Debug, Args)]
pub(crate) struct Documents {
    /// RFC 4575 word for word, without concessions to the servers that exist
    #[arg(long)]
    pub(crate) strict: bool,
    /// Most users of a conference; a document with more is refused, as with the other limits
    #[arg(long, value_name = "N", default_value_t = Limits::USERS, hide_short_help = true, value_parser = limit)]
    pub(crate) max_users: usize,
    /// Most endpoints of a user
    #[arg(long, value_name = "N", default_value_t = Limits::ENDPOINTS, hide_short_help = true, value_parser = limit)]
    pub(crate) max_endpoints: usize,
    /// Most media of an endpoint
    #[arg(long, value_name = "N", default_value_t = Limits::MEDIA, hide_short_help = true, value_parser = limit)]
    pub(crate) max_media: usize,
    /// Most sidebars of a conference
    #[arg(long, value_name = "N", default_value_t = Limits::SIDEBARS, hide_short_help = true, value_parser = limit)]
    pub(crate) max_sidebars: usize,
    /// Octets of all users held
    #[arg(long, value_name = "N", default_value_t = Limits::STORE, hide_short_help = true, value_parser = limit)]
    pub(crate) max_store: usize,
    /// Octets of a document
    #[arg(long, value_name = "N", default_value_t = xml::Limits::BODY, hide_short_help = true, value_parser = limit)]
    pub(crate) max_body: usize,
    /// Elements open at once
    #[arg(long, value_name = "N", default_value_t = xml::Limits::DEPTH, hide_short_help = true, value_parser = limit)]
    pub(crate) max_depth: usize,
    /// Attributes of an element
    #[arg(long, value_name = "N", default_value_t = xml::Limits::ATTRIBUTES, hide_short_help = true, value_parser = limit)]
    pub(crate) max_attributes: usize,
    /// Octets of a text or an attribute value
    #[arg(long, value_name = "N", default_value_t = xml::Limits::TEXT, hide_short_help = true, value_parser = limit)]
    pub(crate) max_text: usize,
    /// Names of namespaces
    #[arg(long, value_name = "N", default_value_t = xml::Limits::NAMESPACES, hide_short_help = true, value_parser = limit)]
    pub(crate) max_namespaces: usize,
}

impl Documents {
    /// Mode and limits.
    pub(crate) fn settings(&self) -> conference::Settings {
        conference::Settings {
            mode: match self.strict {
                true => conference::Mode::Strict,
                false => conference::Mode::Lenient,
            },
            limits: Limits {
                xml: xml::Limits {
                    body: self.max_body,
                    depth: self.max_depth,
                    attributes: self.max_attributes,
                    text: self.max_text,
                    namespaces: self.max_namespaces,
                },
                users: self.max_users,
                endpoints: self.max_endpoints,
                media: self.max_media,
                sidebars: self.max_sidebars,
                store: self.max_store,
            },
        }
    }
}

/// What makes two URIs one user.
#[derive(Debug, Args)]
pub(crate) struct Identities {
    /// Other ports than the scheme's own, and sips against sip, make two users
    #[arg(long, hide_short_help = true)]
    pub(crate) strict_uris: bool,
    /// sip:+NUMBER@HOST without user=phone is no phone number
    #[arg(long, hide_short_help = true)]
    pub(crate) no_plus_user: bool,
}

impl Identities {
    /// As the library has it.
    pub(crate) fn rules(&self) -> IdentityRules {
        IdentityRules {
            strict: self.strict_uris,
            plus_user: !self.no_plus_user,
        }
    }
}

/// How rules of common-policy documents are read.
#[derive(Debug, Args)]
pub(crate) struct RuleReading {
    /// Whom a rule blocks politely is blocked
    #[arg(long, hide_short_help = true)]
    pub(crate) polite_block: bool,
    /// The sphere you are in; without it no rule for a sphere holds
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    pub(crate) sphere: Option<String>,
}

impl RuleReading {
    /// As the library has it.
    pub(crate) fn settings(&self) -> RuleSettings {
        RuleSettings {
            polite_block: self.polite_block,
            sphere: self.sphere.clone(),
        }
    }
}

/// How resource-lists on an XDMS are read.
#[derive(Debug, Args)]
pub(crate) struct ListReading {
    /// Lists within the list of blocked contacts are block lists, too, by their name
    #[arg(long, hide_short_help = true)]
    pub(crate) nested_list_names: bool,
    /// XCAP root of another server that your lists may refer to; it is asked without credentials (may be repeated)
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, hide_short_help = true, value_parser = root)]
    pub(crate) foreign_xcap_root: Vec<XcapRoot>,
}

impl ListReading {
    /// As the library has it.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            nested: self.nested_list_names,
            allowed: self.foreign_xcap_root.clone(),
        }
    }
}

/// How an XDMS is asked.
#[derive(Debug, Args)]
pub(crate) struct XcapHttp {
    /// Longest wait for a connection to the XDMS, in seconds
    #[arg(long, value_name = "S", default_value_t = rollmark_xdm::CONNECT_TIMEOUT.as_secs(), hide_short_help = true, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) xcap_connect_timeout: u64,
    /// Longest wait for a whole answer of the XDMS, in seconds
    #[arg(long, value_name = "S", default_value_t = rollmark_xdm::TIMEOUT.as_secs(), hide_short_help = true, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) xcap_timeout: u64,
    /// Octets of a document on the XDMS
    #[arg(long, value_name = "N", default_value_t = rollmark_xdm::document::MAX_DOCUMENT, hide_short_help = true, value_parser = document_limit)]
    pub(crate) xcap_max_document: usize,
    /// The only realm of the XDMS that is given your answer to its challenge
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    pub(crate) xcap_realm: Option<String>,
    /// Give the XDMS no answer with MD5, only with better algorithms
    #[arg(long, hide_short_help = true)]
    pub(crate) xcap_no_md5: bool,
    /// Identity for X-XCAP-Preferred-Identity, which proxies outside 3GPP want
    #[arg(long, value_name = "URI", hide_short_help = true, value_parser = header_text)]
    pub(crate) xcap_preferred_identity: Option<String>,
}

impl XcapHttp {
    /// What requests to the XDMS say, and whom they answer.
    pub(crate) fn client(
        &self,
        credentials: Option<Credentials>,
        intended_identity: Option<String>,
    ) -> rollmark_xdm::client::Settings {
        rollmark_xdm::client::Settings {
            credentials,
            intended_identity,
            realm: self.xcap_realm.clone(),
            policy: Policy {
                md5: !self.xcap_no_md5,
                ..Policy::default()
            },
            preferred_identity: self.xcap_preferred_identity.clone(),
            ..rollmark_xdm::client::Settings::default()
        }
    }

    /// As the library has it.
    pub(crate) fn settings(&self, ca_file: Option<PathBuf>) -> HttpSettings {
        HttpSettings {
            ca_file,
            connect_timeout: Duration::from_secs(self.xcap_connect_timeout),
            timeout: Duration::from_secs(self.xcap_timeout),
            max_body: self.xcap_max_document,
        }
    }
}

/// One that can stand in a header (IMS-19).
fn access_network(text: &str) -> Result<String, AccessNetworkError> {
    check_access_network(text).map(|()| text.to_owned())
}

fn header_text(text: &str) -> Result<String, String> {
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err("give a text without control characters".into()),
        false => Ok(text.to_owned()),
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    Rate::parse(text).ok_or_else(|| "give notifications a second, such as 2 or 0.2".into())
}

fn root(text: &str) -> Result<XcapRoot, String> {
    XcapRoot::parse(text).map_err(|fault| fault.to_string())
}

/// Most that a limit can be set to.
const MAX_LIMIT: usize = 1 << 30;

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(format!("give a number from 1 to {MAX_LIMIT}")),
    }
}

/// A larger document could be fetched, but is not read.
fn document_limit(text: &str) -> Result<usize, String> {
    let most = rollmark_xdm::document::MAX_DOCUMENT;
    match limit(text) {
        Ok(limit) if limit <= most => Ok(limit),
        _ => Err(format!("give a number from 1 to {most}")),
    }
}
