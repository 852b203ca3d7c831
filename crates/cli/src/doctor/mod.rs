//! `rollmark doctor`: a SIP or IMS core, a conference server and an XDMS checked step by step, with what to do about each
//! fault (CLI contract).

pub(crate) mod args;
mod check;
mod course;
mod deviations;
mod html;
mod json;
mod reach;
mod redact;
mod registration;
mod subject;
mod subscription;
mod text;
mod tls;
mod xcap;
mod xcap_diff;
mod xcap_write;

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rollmark::core::digest::Credentials;
use rollmark::{Account, Conferences};
use rollmark_ua::aka::AkaFile;
use rollmark_ua::{Registering, UserAgent};

use crate::fault::Fault;
use crate::options::{Mode, Transport};
use crate::show;
use crate::stop;
use crate::watch::PATIENCE;
use args::Doctor;
use check::{Examination, Id, State, failed};
use course::Course;
use reach::Place;
use redact::Redactor;
use subject::Subject;
use text::Live;

/// Identity of somebody who gives none.
const NOBODY: &str = "sip:anonymous@anonymous.invalid";
/// What is checked before there is anybody to ask.
const REGISTRATION: [Id; 4] = [Id::Registration, Id::Mode, Id::ServiceRoute, Id::Identities];

/// What must be ended, whatever becomes of the examination.
pub(crate) struct Begun {
    /// Longest wait for a single answer.
    pub(crate) patience: Duration,
    conferences: RefCell<Option<Conferences>>,
    registering: RefCell<Option<Registering>>,
}

impl Begun {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            conferences: RefCell::default(),
            registering: RefCell::default(),
        }
    }

    pub(crate) fn keep_registering(&self, registering: Registering) {
        self.registering.replace(Some(registering));
    }

    pub(crate) fn take_registering(&self) -> Option<Registering> {
        self.registering.take()
    }

    /// The plugin is told what is known of the registration, from now on.
    fn feed(&self, conferences: &Conferences) {
        if let Some(registering) = &*self.registering.borrow() {
            registering.feed(conferences);
        }
    }

    /// Subscriptions first, then the registration that they went by.
    async fn end(&self) {
        let conferences = self.conferences.take();
        if let Some(conferences) = conferences {
            conferences.stop(PATIENCE).await;
        }
        if let Some(registering) = self.take_registering() {
            registering.deregister(PATIENCE).await;
        }
    }
}

/// Runs the command.
pub(crate) async fn run(args: &Doctor) -> Result<(), Fault> {
    args.check();
    stop::listen();
    // What is wrong on this machine is said before anything is sent.
    let credentials = args.account.credentials()?;
    let xcap_credentials = args.lists.credentials()?;
    let aka = match &args.account.aka_file {
        Some(path) => Some(AkaFile::open(path)?),
        None => None,
    };
    let report = args.report.as_deref().map(page).transpose()?;
    let subject = Subject::of(args);
    let redactor = Redactor::new(args.redact);
    for name in [&args.account.user, &args.lists.xcap_user]
        .into_iter()
        .flatten()
    {
        redactor.know(name);
    }
    let live = (!args.json).then(Live::new);
    let mut found = Examination::new(redactor, live);
    if !args.json {
        let live = Live::new();
        for (name, value) in &subject.rows {
            live.say(&format!("{name:14}  {}", found.presentable(value)));
        }
        live.say("");
    }
    let begun = Begun::new(Duration::from_secs(args.patience));
    let checks = examine(&mut found, args, &begun, credentials, aka, xcap_credentials);
    let finished = tokio::select! {
        () = checks => true,
        () = stop::wanted() => false,
    };
    begun.end().await;
    found.finish();
    show::outcome(&match args.json {
        true => json::object(&found, &subject),
        false => text::summary(&found),
    })?;
    if let Some((path, mut file)) = report {
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all(html::page(&found, &subject).as_bytes()));
        written.map_err(|error| unwritable(&path, &error))?;
        if !args.json {
            Live::new().say(&format!(
                "The report is in {}",
                crate::text::safe(&path.display().to_string())
            ));
        }
    }
    verdict(&found, finished)
}

fn verdict(found: &Examination, finished: bool) -> Result<(), Fault> {
    if !finished {
        return Err(Fault::Doctor(
            "stopped before all was checked; start it again".into(),
        ));
    }
    let failed: Vec<&str> = found
        .checks
        .iter()
        .filter(|check| check.state == State::Failed)
        .map(|check| check.id.title())
        .collect();
    match failed.len() {
        0 => Ok(()),
        1 => Err(Fault::Doctor(format!(
            "one check failed: {}; what to do stands beside it",
            failed[0]
        ))),
        count => Err(Fault::Doctor(format!(
            "{count} checks failed: {}; begin with the first, what to do stands beside each",
            failed.join(", ")
        ))),
    }
}

/// The file for the page, as it was until there is a page.
fn page(path: &Path) -> Result<(PathBuf, File), Fault> {
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path);
    match file {
        Ok(file) => Ok((path.to_owned(), file)),
        Err(error) => Err(unwritable(path, &error)),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Fault {
    Fault::Doctor(format!(
        "the report {} cannot be written: {error}; give another file with --report",
        path.display()
    ))
}

/// All checks, in their order.
async fn examine(
    found: &mut Examination,
    args: &Doctor,
    begun: &Begun,
    credentials: Option<Credentials>,
    aka: Option<AkaFile>,
    xcap_credentials: Option<Credentials>,
) {
    let patience = begun.patience;
    let mode = crate::registration::mode(&args.account);
    let account = |identity: &str| {
        let mut account = args.account.settings(identity);
        account.credentials = credentials.clone();
        account.profile = crate::registration::profile(mode, &args.account);
        account.subscription.expires = args.expires;
        account
    };
    let agent = reach(
        found,
        args,
        account(args.account.identity.as_deref().unwrap_or(NOBODY)),
        patience,
    )
    .await;
    let mut registered = None;
    let mut conferences = None;
    match &agent {
        Err(because) => {
            found.skip_all(&REGISTRATION, because);
            found.skip_all(&subscription::PART, because);
        }
        Ok(agent) => {
            let outcome =
                registration::examine(found, args, agent, credentials.as_ref(), aka, begun).await;
            match outcome {
                registration::Outcome::Nothing(because) => {
                    found.skip_all(&subscription::PART, because);
                }
                registration::Outcome::Unregistered => {
                    let plain = agent.conferences.clone();
                    if mode == Mode::Sip {
                        plain.set_registration(agent.facts().clone());
                    }
                    conferences = Some(plain);
                }
                registration::Outcome::Registered(of) => {
                    let other = match args.account.identity.as_deref() == Some(of.identity.as_str())
                    {
                        true => Ok(agent.conferences.clone()),
                        false => agent.conferences.add_account(account(&of.identity)).await,
                    };
                    if let Ok(conferences_of) = other {
                        begun.feed(&conferences_of);
                        conferences = Some(conferences_of);
                    }
                    registered = Some(of);
                }
            }
        }
    }
    let ims = registered.as_ref().is_some_and(|of| of.is_ims());
    let identity = match &registered {
        Some(of) => Some(of.identity.clone()),
        None => args.account.identity.clone(),
    };
    begun.conferences.replace(conferences.clone());
    if let Some(conferences) = &conferences {
        subscribe(found, args, conferences, patience).await;
    }
    let xdms = xcap::Xdms {
        args,
        identity: identity.as_deref(),
        credentials: xcap_credentials,
        ims: ims || mode == Mode::Ims,
        patience,
    };
    let documents = xcap::examine(found, &xdms).await;
    xcap_diff::examine(found, &xdms, conferences.as_ref(), documents, ims).await;
    if let Some(conferences) = &conferences {
        // In short: what did not end before does not end now.
        conferences.stop(Duration::from_secs(1)).await;
    }
    registration::deregister(found, begun).await;
    if !found
        .checks
        .iter()
        .any(|check| check.id == Id::Deregistration)
    {
        found.skip(Id::Deregistration, "nothing was registered");
    }
}

/// The checks of the conference server.
async fn subscribe(
    found: &mut Examination,
    args: &Doctor,
    conferences: &Conferences,
    patience: Duration,
) {
    let messages = conferences.messages();
    let since = Instant::now();
    match conferences.subscribe(&args.conference).await {
        Ok(conference) => {
            let mut course = Course::new(conference, messages);
            subscription::examine(found, args, &mut course, patience).await;
            let lines = std::mem::take(&mut course.lines);
            for mut line in lines {
                line.text = found.presentable(&line.text);
                found.messages.push(line);
            }
        }
        Err(error) => {
            let did = format!("SUBSCRIBE {}", args.conference);
            let finding = failed(error.to_string(), "give the conference as a sip: URI");
            found.add(Id::Subscribe, since, did, "RFC 3261 §19.1.1", finding);
            found.skip_all(&subscription::PART[1..], "the SUBSCRIBE could not be made");
        }
    }
}

/// Name, port, certificate; the user agent, or why there is nothing to ask.
async fn reach(
    found: &mut Examination,
    args: &Doctor,
    account: Account,
    patience: Duration,
) -> Result<UserAgent, &'static str> {
    const UNREACHABLE: &str = "the server cannot be reached";
    const UNKNOWN: &str = "the server's name has no address";
    let Some(place) = Place::of(args) else {
        found.skip_all(
            &[Id::Resolution, Id::Transport, Id::Tls],
            "no server is named",
        );
        return Err("no server is named");
    };
    let addresses = reach::resolution(found, &place, patience).await;
    if found.has_failed(Id::Resolution) {
        found.skip_all(&[Id::Transport, Id::Tls], UNKNOWN);
        return Err(UNKNOWN);
    }
    let streams = args.account.transport != Transport::Udp;
    if addresses.is_empty() {
        found.skip_all(&[Id::Transport, Id::Tls], "no address is known here");
    } else if streams && !reach::stream(found, args, &place, &addresses, patience).await {
        return Err(match found.has_failed(Id::Tls) {
            true => "there is no TLS connection to the server that can be trusted",
            false => UNREACHABLE,
        });
    }
    let since = Instant::now();
    let agent = match UserAgent::start(args.account.agent(), account).await {
        Ok(agent) => agent,
        Err(error) => {
            if !streams || addresses.is_empty() {
                let finding = failed(
                    error.to_string(),
                    "check the network of this machine, and --server",
                );
                found.add(Id::Transport, since, "opened a socket", "", finding);
                found.skip(Id::Tls, "there is no socket");
            }
            return Err("this machine cannot speak to the server");
        }
    };
    if !streams
        && !addresses.is_empty()
        && !reach::datagrams(found, &agent, &place, &addresses, patience).await
    {
        return Err(UNREACHABLE);
    }
    Ok(agent)
}
