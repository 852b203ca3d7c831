//! The registration, what it says of the core, and what the core lets this user be (TS 24.229 §5.1.1, RFC 3261 §10).

use std::sync::Arc;
use std::time::Instant;

use rollmark::Registration;
use rollmark::core::digest::{Challenge, Credentials};
use rollmark::core::header;
use rollmark::core::message::Response;
use rollmark::core::registration::{AnswerFault, Evidence, SipCore};
use rollmark::core::uri::Uri;
use rollmark_ua::aka::AkaFile;
use rollmark_ua::register::{Fault, Settings};
use rollmark_ua::{Status, UserAgent};

use super::Begun;
use super::args::Doctor;
use super::check::{Examination, Id, failed, note, ok};
use crate::options::Mode;

const REGISTER: &str = "RFC 3261 §10, TS 24.229 §5.1.1.2";
const MODE: &str = "TS 24.229 §5.1.1.2.1";
const ROUTE: &str = "RFC 3608 §6, TS 24.229 §5.4.1.2.2";
const IDENTITIES: &str = "RFC 7315 §4.1, TS 24.229 §5.1.1.2.1";

/// What came of it.
pub(crate) enum Outcome {
    /// There is a registration; requests go in this name.
    Registered(Box<Registered>),
    /// The core takes requests without one.
    Unregistered,
    /// Nothing can be asked of this core.
    Nothing(&'static str),
}

/// A registration that has come about.
pub(crate) struct Registered {
    pub(crate) facts: Registration,
    pub(crate) identity: String,
}

impl Registered {
    pub(crate) fn is_ims(&self) -> bool {
        self.facts.sip_core().0 == SipCore::Ims
    }
}

/// Registers as `rollmark watch` does, and judges what came back.
pub(crate) async fn examine(
    found: &mut Examination,
    args: &Doctor,
    agent: &UserAgent,
    credentials: Option<&Credentials>,
    aka: Option<AkaFile>,
    begun: &Begun,
) -> Outcome {
    let patience = begun.patience;
    let mode = crate::registration::mode(&args.account);
    let Some(identity) = args
        .account
        .identity
        .as_deref()
        .filter(|_| mode != Mode::Sip)
    else {
        let because = match mode {
            Mode::Sip => "in plain SIP (--mode sip) nobody is registered first",
            _ => "there is nobody to register (--as)",
        };
        found.skip(Id::Registration, because);
        let got = match mode {
            Mode::Sip => "plain SIP, as set (--mode)",
            _ => "plain SIP, for nobody is registered",
        };
        let did = "looked at the settings";
        found.add(Id::Mode, Instant::now(), did, "", ok(got));
        skip_ims(found, "this is plain SIP");
        return Outcome::Unregistered;
    };
    let since = Instant::now();
    let did = format!("REGISTER of {identity}, and the answer to its challenge");
    let settings = Settings {
        private_identity: args.account.user.clone(),
        password: credentials.map(|credentials| credentials.password.clone()),
        sim: aka.as_ref().map(|aka| (aka.sim.clone(), aka.sqn)),
        announce: aka.is_some()
            || args
                .account
                .user
                .as_ref()
                .is_some_and(|user| user.contains('@')),
        facts: Registration {
            access_network: args
                .account
                .access_network
                .clone()
                .filter(|_| mode == Mode::Ims),
            access_network_unprotected: args.account.access_network.is_some(),
            told_core: (mode == Mode::Ims).then_some(SipCore::Ims),
            ..Registration::default()
        },
        ..Settings::new(identity)
    };
    let mut registering = match agent.register(settings, aka) {
        Ok(registering) => registering,
        Err(fault) => {
            let (_, mend) = mending(&fault);
            found.add(
                Id::Registration,
                since,
                did,
                REGISTER,
                failed(fault.to_string(), mend),
            );
            return without(found);
        }
    };
    let settled = tokio::time::timeout(patience, registering.settled()).await;
    let status = registering.status().borrow().clone();
    let facts = match settled {
        Ok(Ok(facts)) => {
            found.add(
                Id::Registration,
                since,
                did,
                REGISTER,
                ok(accepted(&facts, &status)),
            );
            facts
        }
        Ok(Err(Fault::Refused { status: 405, .. } | Fault::Unavailable { status: 501, .. }))
            if mode == Mode::Auto =>
        {
            let got = format!("{}: this server registers nobody", last(&status.answers));
            let mend = "nothing, if this is a plain SIP core; an IMS core must register its users";
            found.add(Id::Registration, since, did, REGISTER, note(got, mend));
            let got = "plain SIP, for the server registers nobody";
            found.add(
                Id::Mode,
                Instant::now(),
                "looked at the answer to REGISTER",
                MODE,
                ok(got),
            );
            skip_ims(found, "this is plain SIP");
            return Outcome::Unregistered;
        }
        Ok(Err(fault)) => {
            let (got, mend) = mending(&fault);
            let who = who_answered(&status.answers, &home(identity));
            let got = format!("{}{got}{who}", prefix(&status.answers));
            found.add(Id::Registration, since, did, REGISTER, failed(got, mend));
            return without(found);
        }
        Err(_) => {
            let seconds = patience.as_secs();
            let got = match status.answers.last() {
                None => format!("no answer in {seconds} s"),
                Some(_) => format!("{}, then no answer in {seconds} s", last(&status.answers)),
            };
            let (_, mend) = mending(&Fault::NoAnswer);
            found.add(Id::Registration, since, did, REGISTER, failed(got, mend));
            return without(found);
        }
    };
    begun.keep_registering(registering);
    self::mode(found, &facts, mode);
    if facts.sip_core().0 == SipCore::Sip {
        skip_ims(found, "this is plain SIP");
        return Outcome::Registered(Box::new(Registered {
            facts,
            identity: identity.to_owned(),
        }));
    }
    service_route(found, &facts, &status);
    match identities(found, &facts, &status, identity) {
        Some(identity) => Outcome::Registered(Box::new(Registered { facts, identity })),
        None => Outcome::Nothing("the core lets none of the user's identities be used"),
    }
}

fn skip_ims(found: &mut Examination, because: &str) {
    found.skip_all(&[Id::ServiceRoute, Id::Identities], because);
}

fn without(found: &mut Examination) -> Outcome {
    let because = "the registration failed";
    found.skip_all(&[Id::Mode, Id::ServiceRoute, Id::Identities], because);
    Outcome::Nothing(because)
}

fn home(identity: &str) -> String {
    let uri = Uri::parse(identity).ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    host.to_owned()
}

fn last(answers: &[Arc<Response>]) -> String {
    match answers.last() {
        Some(response) => format!("{} {}", response.status, response.reason),
        None => "no answer".into(),
    }
}

fn prefix(answers: &[Arc<Response>]) -> String {
    match answers.last() {
        Some(_) => format!("{}: ", last(answers)),
        None => String::new(),
    }
}

fn challenges(response: &Response) -> Vec<Challenge> {
    let of = |name| response.headers.all(name);
    Challenge::all(of("WWW-Authenticate").chain(of("Proxy-Authenticate")))
}

/// What an accepted registration is.
fn accepted(facts: &Registration, status: &Status) -> String {
    let mut parts = vec![last(&status.answers)];
    let challenged = status
        .answers
        .iter()
        .find(|answer| matches!(answer.status, 401 | 407));
    match challenged.map(|answer| challenges(answer)) {
        Some(challenges) => {
            let challenge = challenges.first();
            let realm = challenge.map_or("?", |challenge| &challenge.realm);
            let name = challenge.and_then(|challenge| challenge.algorithm_name.as_deref());
            parts.push(format!(
                "after a challenge of realm {realm} ({})",
                name.unwrap_or("MD5")
            ));
        }
        None => parts.push("nobody asked for a password".into()),
    }
    if let Some(seconds) = facts.expires {
        parts.push(format!("for {seconds} s"));
    }
    let server = status
        .answers
        .last()
        .and_then(|answer| answer.headers.get("Server"));
    if let Some(server) = server {
        parts.push(format!("by {server}"));
    }
    if let Some(route) = facts.service_route.as_ref().and_then(|route| route.first()) {
        parts.push(format!("by the S-CSCF behind {route}"));
    } else if facts.path.as_ref().is_some_and(|path| !path.is_empty()) {
        parts.push("by way of a P-CSCF (Path)".into());
    }
    parts.join(", ")
}

/// Who gave the last answer, as far as it shows.
fn who_answered(answers: &[Arc<Response>], home: &str) -> String {
    let Some(answer) = answers.last() else {
        return String::new();
    };
    let mut who = Vec::new();
    let challenged = answers.iter().flat_map(|answer| challenges(answer)).next();
    if answer.headers.get("Security-Server").is_some() || matches!(answer.status, 421 | 494) {
        who.push("answered by the P-CSCF".to_owned());
    } else if let Some(challenge) = challenged {
        let whose = match challenge.realm.eq_ignore_ascii_case(home) {
            true => "the registrar of the home domain (in an IMS the S-CSCF)".to_owned(),
            false => format!("a registrar of realm {}", challenge.realm),
        };
        who.push(format!("{whose} has challenged"));
    } else {
        who.push("nobody has challenged: it is a proxy's word, or that of a registrar that does not know the user".to_owned());
    }
    if let Some(server) = answer.headers.get("Server") {
        who.push(format!("Server: {server}"));
    }
    if let Some(warning) = answer.headers.get("Warning") {
        who.push(format!("Warning: {warning}"));
    }
    format!(" ({})", who.join("; "))
}

/// What happened, where the status line does not say it, and what to do.
fn mending(fault: &Fault) -> (String, &'static str) {
    let text = fault.to_string();
    let got = text
        .split_once("; ")
        .map_or(text.as_str(), |(got, _)| got)
        .to_owned();
    let mend = match fault {
        Fault::Refused { status: 403, .. } => {
            "check in the HSS or the registrar that this identity (--as) belongs to this user name (--user) and may register, from here"
        }
        Fault::Refused {
            status: 404 | 604, ..
        } => "check the identity (--as): the registrar does not know it",
        Fault::Refused { status: 405, .. } => {
            "this server registers nobody: give the registrar or P-CSCF with --server, or use --mode sip"
        }
        Fault::Refused { .. } => "check the identity (--as), the user name (--user) and the secret",
        Fault::WrongSecret => {
            "check --user (in IMS the private identity) and the first line of --password-file, or k and opc of --aka-file"
        }
        Fault::NoSecret(_) => "give --user and --password-file, or for AKA --aka-file",
        Fault::NetworkNotAuthentic => {
            "check k and opc in the AKA file against the HSS: the challenge was not made with this key"
        }
        Fault::Sequence => "have the sequence number (SQN) of this user set right in the HSS",
        Fault::Challenge => "have the authentication vectors of this user checked in the HSS",
        Fault::Redirected(_) => "give that other server itself with --server",
        Fault::IntervalTooBrief => "have the registrar's shortest life (Min-Expires) put right",
        Fault::Extension(_) => "have the registrar take this extension, or not see it",
        Fault::NoAgreement(_) => {
            "this P-CSCF insists on a security agreement (IPsec), which rollmark alone cannot set up: use a port or a P-CSCF that takes digest or AKA without it"
        }
        Fault::AgreementChanged => {
            "have the P-CSCF's Security-Server looked at: it changed on the way"
        }
        Fault::NoBinding => {
            "have the registrar's answer looked at: its Contact must name this user agent"
        }
        Fault::Unavailable { .. } => {
            "see whether the registrar and the HSS behind it run, then try again"
        }
        Fault::NoAnswer => {
            "check that requests get through --server to the registrar; see the checks above"
        }
        Fault::Unreachable => "check --server and --transport; see the checks above",
        Fault::Lapsed => "try again",
        Fault::Store(_) => "make the file beside the AKA file writable",
        Fault::NoHomeDomain(_) => "give a sip: identity with --as",
    };
    (got, mend)
}

fn mode(found: &mut Examination, facts: &Registration, asked: Mode) {
    let since = Instant::now();
    let did = "looked at the answer to REGISTER";
    let (core, evidence) = facts.sip_core();
    let finding = match (core, evidence) {
        (_, Evidence::Told) => ok(format!("{}, as set (--mode)", named(core))),
        (SipCore::Sip, Evidence::NoAssociatedUri | Evidence::NoServiceRoute)
            if asked == Mode::Auto =>
        {
            note(
                format!("plain SIP, for {evidence}"),
                "nothing, if this is a plain SIP core; an S-CSCF gives both: have it do so, or set --mode ims",
            )
        }
        _ => ok(format!("{}, for {evidence}", named(core))),
    };
    found.add(Id::Mode, since, did, MODE, finding);
}

fn named(core: SipCore) -> &'static str {
    match core {
        SipCore::Sip => "plain SIP",
        SipCore::Ims => "IMS",
    }
}

fn service_route(found: &mut Examination, facts: &Registration, status: &Status) {
    let since = Instant::now();
    let route = facts.service_route.as_deref().unwrap_or_default();
    let odd = status
        .odd
        .iter()
        .find(|fault| matches!(fault, AnswerFault::ServiceRoute(_)));
    let mend = "have the S-CSCF give its Service-Route in the 2xx to REGISTER: without it requests go by the P-CSCF alone, and the core may refuse them";
    let finding = match (odd, route) {
        (Some(fault), _) => failed(fault.to_string(), mend),
        (None, []) => failed("the answer to REGISTER has no Service-Route", mend),
        (None, route) => ok(route.join(", ")),
    };
    found.add(
        Id::ServiceRoute,
        since,
        "read Service-Route",
        ROUTE,
        finding,
    );
}

/// The identity to be used; none when there is none.
fn identities(
    found: &mut Examination,
    facts: &Registration,
    status: &Status,
    wanted: &str,
) -> Option<String> {
    let since = Instant::now();
    let associated = facts.associated.as_deref().unwrap_or_default();
    let usable = facts.usable_identity(wanted);
    let odd = status
        .odd
        .iter()
        .find(|fault| matches!(fault, AnswerFault::NoIdentity));
    let list = associated.join(", ");
    let finding = match usable {
        None => failed(
            match (odd, associated) {
                (Some(fault), _) => fault.to_string(),
                (None, _) => "the answer to REGISTER has no P-Associated-URI that names an identity, so each counts as barred".to_owned(),
            },
            format!("have {wanted} added to the user's implicit registration set in the HSS, not barred"),
        ),
        Some(usable) if facts.is_barred(wanted) => note(
            format!("P-Associated-URI: {list}; {wanted} is not among them, so it is barred, and requests go in the name of {usable}"),
            format!("have {wanted} added to the implicit registration set in the HSS and unbarred, or give {usable} with --as"),
        ),
        Some(_) => ok(format!("P-Associated-URI: {list}; {wanted} is among them")),
    };
    let usable = usable.map(str::to_owned);
    found.add(
        Id::Identities,
        since,
        "read P-Associated-URI",
        IDENTITIES,
        finding,
    );
    usable
}

/// Removes the binding.
pub(crate) async fn deregister(found: &mut Examination, begun: &Begun) {
    let Some(registering) = begun.take_registering() else {
        return;
    };
    let patience = begun.patience;
    let since = Instant::now();
    let status = registering.status();
    let before = status.borrow().answers.last().cloned();
    registering.deregister(patience).await;
    let after = status.borrow().answers.last().cloned();
    let answered = match (&before, &after) {
        (Some(before), Some(after)) => !Arc::ptr_eq(before, after),
        (None, Some(_)) => true,
        _ => false,
    };
    let mend = "the binding lapses by itself; have the registrar's answer to Expires: 0 looked at";
    let finding = match after.filter(|_| answered) {
        Some(answer) if (200..300).contains(&answer.status) => {
            let left = header::addresses(answer.headers.all("Contact")).len();
            ok(match left {
                0 => format!("{} {}", answer.status, answer.reason),
                left => format!(
                    "{} {}, {left} other bindings are left",
                    answer.status, answer.reason
                ),
            })
        }
        Some(answer) => note(format!("{} {}", answer.status, answer.reason), mend),
        None => note(format!("no answer in {} s", patience.as_secs()), mend),
    };
    found.add(
        Id::Deregistration,
        since,
        "REGISTER with Expires: 0",
        REGISTER,
        finding,
    );
}
