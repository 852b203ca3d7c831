//! `rollmark watch`: the reference softphone subscribes to a conference and shows it (OMA-01…19).

use std::future::Future;
use std::time::Duration;

use rollmark::core::profile::Mode as CoreMode;
use rollmark::core::subscription::{EndReason, Shown};
use rollmark::{Conference, Conferences, What};
use rollmark_ua::Feeding;
use tokio::sync::mpsc;

use crate::args::{Mode, Watch};
use crate::documents;
use crate::fault::{self, Fault, Place};
use crate::join::{self, As, Call};
use crate::record::{self, Recording};
use crate::registration::{self, Outcome, Registered};
use crate::screen::Edit;
use crate::screen::edit::{self, Lists};
use crate::show::Show;
use crate::source::{self, FirstNews, Xdms};
use crate::stop;
use crate::switching::{self, Switching, Triggers};

/// How long a proper end may take: Expires: 0, its answer, the last NOTIFY (SW-13).
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Identity of somebody who gives none.
const NOBODY: &str = "sip:anonymous@anonymous.invalid";

/// Runs the command.
pub(crate) async fn run(args: &Watch) -> Result<(), Fault> {
    let recording = args.record.start()?;
    let outcome = run_recorded(args, recording.as_ref()).await;
    Recording::end(recording).await;
    outcome
}

async fn run_recorded(args: &Watch, recording: Option<&Recording>) -> Result<(), Fault> {
    let identity = args.account.identity.as_deref().unwrap_or(NOBODY);
    let password = args.account.credentials()?;
    let mode = registration::mode(&args.account);
    let account = |identity: &str| {
        let mut account = args.account.settings(identity);
        args.lists.mark(&mut account);
        account.credentials = password.clone();
        account.profile = registration::profile(mode, &args.account);
        account.subscription.expires = args.expires;
        account
    };
    let recorder = recording.map(Recording::recorder);
    stop::listen();
    let (show, wishes) = Show::new(args.json, args.plain, &args.conference);
    let (switches, edits) = wishes.map(|wishes| (wishes.switches, wishes.edits)).unzip();
    let mut triggers = Triggers::new(args.json, switches);
    let sight = Sight { show, edits };
    let agent = tokio::select! {
        agent = record::agent(args.account.agent(), account(identity), recorder) => agent?,
        () = stop::wanted() => return Ok(()),
    };
    let plain_facts = match &args.account.sip_server {
        Some(server) => agent.facts_by(server),
        None => agent.facts().clone(),
    };
    if mode == Mode::Sip {
        agent.conferences.set_registration(plain_facts.clone());
    }
    let plain = As {
        agent: &agent,
        identity,
        credentials: password.clone(),
        registration: &plain_facts,
        ims: false,
        recorder: recorder.cloned(),
    };
    if !registration::is_asked_for(&args.account) {
        return watch(args, plain, &agent.conferences, None, &mut triggers, sight).await;
    }
    sight.show.doing("registering");
    let registered =
        match registration::register(&agent, &args.account, identity, password.as_ref(), mode)
            .await?
        {
            Outcome::Registered(registered) => *registered,
            Outcome::Nobody => {
                return watch(args, plain, &agent.conferences, None, &mut triggers, sight).await;
            }
            Outcome::Stopped => return Ok(()),
        };
    let usable = match registered.usable_identity(&args.account, identity) {
        Ok(usable) => usable,
        Err(fault) => {
            registered.registering.deregister(PATIENCE).await;
            return Err(fault);
        }
    };
    let conferences = if usable == identity {
        agent.conferences.clone()
    } else {
        agent.conferences.add_account(account(&usable)).await?
    };
    let feeding = registered.registering.feed(&conferences);
    let facts = registered.facts().clone();
    let who = As {
        agent: &agent,
        identity: &usable,
        credentials: password.clone(),
        registration: &facts,
        ims: registered.is_ims(),
        recorder: recorder.cloned(),
    };
    let registered = Some((registered, feeding));
    watch(args, who, &conferences, registered, &mut triggers, sight).await
}

/// What the user sees, and what he asks for there.
struct Sight {
    show: Show,
    edits: Option<mpsc::UnboundedReceiver<Edit>>,
}

/// Watches as `who` until the end, which is the end of the registration, too.
async fn watch(
    args: &Watch,
    who: As<'_>,
    conferences: &Conferences,
    registered: Option<(Registered, Feeding)>,
    triggers: &mut Triggers,
    sight: Sight,
) -> Result<(), Fault> {
    let (registered, feeding) = registered.unzip();
    let credentials = who.credentials.clone();
    let mut switching = Switching {
        args,
        agent: who.agent,
        identity: who.identity,
        credentials: credentials.as_ref(),
        conferences,
        xdms: None,
        registered,
        feeding,
        mode: if who.ims {
            CoreMode::Ims
        } else {
            CoreMode::Sip
        },
    };
    let outcome = watch_switching(args, who, conferences, &mut switching, triggers, sight).await;
    if let Some(registered) = switching.registered {
        registered.registering.deregister(PATIENCE).await;
    }
    outcome
}

async fn watch_switching<'a>(
    args: &'a Watch,
    who: As<'a>,
    conferences: &Conferences,
    switching: &mut Switching<'a>,
    triggers: &mut Triggers,
    sight: Sight,
) -> Result<(), Fault> {
    let (identity, ims) = (who.identity, who.ims);
    let mut news = FirstNews::default();
    let mut follows = None;
    for path in &args.lists.block_list {
        conferences.add_source(source::file(
            path.clone(),
            Some(identity),
            args.lists.anchors.nested_list_names,
            &mut news,
        ));
    }
    if let Some(root) = switching::root(&args.lists, ims) {
        // In an IMS core the XDMS is told who the user is.
        let xdms = Xdms {
            root,
            xui: identity,
            client: args.lists.http.client(args.lists.credentials()?, None),
            http: args.lists.http.settings(args.lists.xcap_ca.clone()),
            polling: args.lists.polling(),
            reading: args.lists.anchors.reading(),
            ims,
            cache: args.lists.xcap_cache.as_deref(),
            recorder: who.recorder.clone(),
            only_lists: false,
        };
        let (sources, followed, in_use) = source::xdms(&xdms, &mut news)?;
        for source in sources {
            conferences.add_source(source);
        }
        // An IMS core routes it to the XDMS; elsewhere it might ring at the user's own devices, so it wants to be named.
        let own = ims.then_some(identity);
        let notifier = args.lists.xcap_notifier.as_deref().or(own);
        follows = notifier.map(|notifier| (notifier.to_owned(), followed));
        switching.xdms = Some((xdms, in_use));
    }
    sight.show.doing("reading block lists");
    tokio::select! {
        () = news.wait() => {}
        () = stop::wanted() => {}
    }
    let following = follows.map(|(notifier, followed)| {
        tokio::spawn(documents::follow(conferences.clone(), notifier, followed))
    });
    let outcome = show(args, who, conferences, switching, triggers, sight).await;
    if let Some(following) = following {
        documents::end(following, conferences).await;
    }
    outcome
}

/// Shows the conference, joined or not, until the end.
async fn show(
    args: &Watch,
    who: As<'_>,
    conferences: &Conferences,
    switching: &mut Switching<'_>,
    triggers: &mut Triggers,
    sight: Sight,
) -> Result<(), Fault> {
    let Sight { show, edits } = sight;
    let lists = Lists {
        files: args.lists.block_list.clone(),
        xdms: switching.xdms.as_ref().map(|(_, in_use)| in_use.clone()),
        identity: args.account.identity.clone(),
    };
    let editing = edit::run(edits, lists);
    show.doing("subscribing");
    show.messages(conferences);
    let place = Place {
        conference: &args.conference,
        server: args.account.server.as_deref(),
        user: args.account.user.as_deref(),
    };
    let stop = stopped(args.seconds.map(Duration::from_secs));
    if !args.join {
        if triggers.has_key() {
            show.say("The key m switches between plain SIP and IMS, Ctrl-C ends.");
        }
        let conference = conferences.subscribe(&args.conference).await?;
        return tokio::select! {
            outcome = follow(conferences, conference, show, &place, stop, None) => outcome,
            () = switching.run(triggers) => Ok(()),
            () = editing => Ok(()),
        };
    }
    show.doing("entering the IM session");
    let Some(joined) = join::join(args, who, conferences, &show).await? else {
        return Ok(());
    };
    let leave = joined.leave;
    let stop = async move {
        stop.await;
        // The session and the subscription end at the same time.
        drop(leave);
    };
    let call = Some(joined.call);
    let outcome = tokio::select! {
        outcome = follow(conferences, joined.conference, show, &place, stop, call) => outcome,
        () = triggers.refuse("the IM session belongs to this core") => Ok(()),
        () = editing => Ok(()),
    };
    // By now the call was left, or is left because nothing holds it.
    let _ = joined.ended.await;
    outcome
}

/// Resolves when an end is asked for, or when the time is over.
pub(crate) async fn stopped(limit: Option<Duration>) {
    let time = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop::wanted() => {}
        () = time => {}
    }
}

/// Shows a conference until it ends, or until `stop`, which ends the subscription properly. When the session of its `call` is over
/// the subscription is, too; when the session moves the conference is watched where it is now.
pub(crate) async fn follow(
    conferences: &Conferences,
    mut conference: Conference,
    mut show: Show,
    place: &Place<'_>,
    stop: impl Future<Output = ()>,
    mut call: Option<mpsc::UnboundedReceiver<Call>>,
) -> Result<(), Fault> {
    let mut stop = std::pin::pin!(stop);
    let mut hung_up = false;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut stopping = false;
    let mut answered = false;
    loop {
        let of_call = async {
            match &mut call {
                Some(call) => call.recv().await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = conference.next() => event,
            _ = seconds.tick(), if show.wants_life() => {
                show.life(conference.life().await);
                continue;
            }
            told = of_call => {
                match told {
                    Some(Call::Over) => {
                        hung_up = true;
                        conference.session_ended();
                    }
                    Some(Call::Moved(session)) => match conferences.session_started(session).await {
                        // The subscription before it ends as that of a session does.
                        Ok(Some(moved)) => conference = moved,
                        Ok(None) => {}
                        Err(error) => tracing::warn!(%error, "the conference has moved to where it cannot be watched"),
                    },
                    None => call = None,
                }
                continue;
            }
            () = &mut stop, if !stopping => {
                stopping = true;
                let conferences = conferences.clone();
                tokio::spawn(async move { conferences.stop(PATIENCE).await });
                continue;
            }
        };
        let Some(event) = event else {
            return Ok(());
        };
        if !show.event(&event) && !stopping {
            // The reader of our output has gone: end properly, in silence.
            stopping = true;
            let conferences = conferences.clone();
            tokio::spawn(async move { conferences.stop(PATIENCE).await });
        }
        match event.what {
            What::State(state) => {
                answered |= matches!(state.shown, Shown::Active | Shown::Pending);
            }
            What::Ended { reason, status } => {
                let reason = match reason {
                    // Time was over before the server said anything.
                    EndReason::Unsubscribed if !answered && !hung_up => EndReason::NoAnswer,
                    reason => reason,
                };
                return match fault::ended(reason, status, place) {
                    Some(fault) => Err(fault),
                    None if stop::has_failed() => Err(Fault::Screen),
                    None => Ok(()),
                };
            }
            _ => {}
        }
    }
}
