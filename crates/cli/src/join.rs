//! `rollmark watch --join`: the IM session comes first, and its focus is what is watched (RFC 4579 §3.4, OMA-01…06).

use std::time::Duration;

use rollmark::core::digest::Credentials;
use rollmark::core::profile::{Ims, Plain, Profile};
use rollmark::record::Recorder;
use rollmark::{Conference, Conferences, Registration, Session};
use rollmark_ua::UserAgent;
use rollmark_ua::session::{Caller, Fault as SessionFault};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::args::Watch;
use crate::fault::Fault;
use crate::show::Show;
use crate::text::safe;
use crate::watch::{PATIENCE, stopped};

/// How long a focus may take to let somebody in.
const RINGING: Duration = Duration::from_secs(30);

/// Who calls.
pub(crate) struct As<'a> {
    pub(crate) agent: &'a UserAgent,
    pub(crate) identity: &'a str,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) registration: &'a Registration,
    pub(crate) ims: bool,
    /// Who records the run.
    pub(crate) recorder: Option<Recorder>,
}

/// What the focus does with a session.
pub(crate) enum Call {
    /// It is elsewhere now: that is where the conference is watched from now on.
    Moved(Session),
    /// It has hung up.
    Over,
}

/// A session and the conference that is watched for it.
pub(crate) struct Joined {
    pub(crate) conference: Conference,
    /// Dropping it hangs up.
    pub(crate) leave: oneshot::Sender<()>,
    /// What becomes of the session.
    pub(crate) call: mpsc::UnboundedReceiver<Call>,
    /// Ends when the session has.
    pub(crate) ended: JoinHandle<()>,
}

/// Calls the conference; none when the user did not wait for it.
pub(crate) async fn join(
    args: &Watch,
    who: As<'_>,
    conferences: &Conferences,
    show: &Show,
) -> Result<Option<Joined>, Fault> {
    let profile: Box<dyn Profile> = match who.ims {
        true => Box::new(Ims(args.account.profile_settings())),
        false => Box::new(Plain(args.account.profile_settings())),
    };
    let caller = Caller {
        identity: who.identity.to_owned(),
        credentials: who.credentials,
        registration: who.registration.clone(),
        profile,
    };
    let failed = |fault| {
        let conference = safe(&args.conference);
        Fault::Join {
            at: match &args.account.server {
                Some(server) => format!("{} ({conference})", safe(server)),
                None => conference,
            },
            fault,
        }
    };
    let mut waits = true;
    let give_up = async {
        tokio::select! {
            () = tokio::time::sleep(RINGING) => {}
            () = stopped(None) => waits = false,
        }
    };
    let session = who.agent.join(&args.conference, &caller, give_up).await;
    let session = match session {
        // Let in while he gave up.
        Ok(session) if !waits => {
            session.leave(PATIENCE).await;
            return Ok(None);
        }
        Ok(session) => session,
        Err(SessionFault::NoAnswer) if !waits => return Ok(None),
        Err(fault) => return Err(failed(fault)),
    };
    // A focus without a Contact is refused by the user agent.
    let met = Session::met(session.role(), session.headers())
        .ok_or_else(|| failed(SessionFault::NoContact))?
        .of_group(&args.conference);
    show.say(&format!("{:10}joined      {}", "", safe(&met.identity)));
    let (leave, left) = oneshot::channel();
    let (told, call) = mpsc::unbounded_channel();
    let group = args.conference.clone();
    let ended = tokio::spawn(async move {
        let mut session = session;
        let mut left = left;
        loop {
            let moved = tokio::select! {
                moved = session.moved() => moved,
                _ = &mut left => break,
            };
            // Nobody listens once the watching has ended.
            let Some(headers) = moved else {
                let _ = told.send(Call::Over);
                return;
            };
            if let Some(met) = Session::met(session.role(), &headers) {
                let _ = told.send(Call::Moved(met.of_group(&group)));
            }
        }
        session.leave(PATIENCE).await;
    });
    let conference = match conferences.session_started(met).await {
        // A session of a group is subscribed to in any case.
        Ok(conference) => conference.ok_or_else(|| failed(SessionFault::NoContact))?,
        Err(error) => {
            drop(leave);
            let _ = ended.await;
            return Err(error.into());
        }
    };
    Ok(Some(Joined {
        conference,
        leave,
        call,
        ended,
    }))
}
