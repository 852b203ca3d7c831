//! The seam to a SIP stack: actions come out, facts and NOTIFYs go in (ARCHITECTURE: the host contract).

use std::pin::Pin;
use std::task::{Context, Poll};

use rollmark_core::host::{Action, Answer, Fact, Flow, SubscriptionId};
use rollmark_core::message::{Headers, Request};
use tokio::sync::{mpsc, oneshot};

/// What an adapter reports.
#[derive(Debug)]
pub(crate) enum Report {
    Fact(Fact),
    Request(Flow, Request, oneshot::Sender<Option<Answering>>),
    Notification(
        SubscriptionId,
        Headers,
        Vec<u8>,
        oneshot::Sender<Option<Answering>>,
    ),
    /// An answer has been sent, or never will be.
    Answered,
}

/// An answer to be sent, at once. Drop it when that is done: nothing is told as ended before, so that a process which
/// then exits has answered the last NOTIFY (SUB-66).
#[derive(Debug)]
pub struct Answering {
    answer: Answer,
    reports: mpsc::UnboundedSender<Report>,
}

impl std::ops::Deref for Answering {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.answer
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let _ = self.reports.send(Report::Answered);
    }
}

/// A request that the plugin was offered: resolves to its answer; none when it is not for the plugin.
#[derive(Debug)]
pub struct Offered(oneshot::Receiver<Option<Answering>>);

impl Future for Offered {
    type Output = Option<Answering>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.ok().flatten())
    }
}

/// The adapter's end: take actions from here, report through [`Port::reporter`].
#[derive(Debug)]
pub struct Port {
    pub(crate) actions: mpsc::UnboundedReceiver<Action>,
    pub(crate) reports: mpsc::UnboundedSender<Report>,
}

impl Port {
    /// The next thing the SIP stack is to do; none once the plugin has ended.
    pub async fn next_action(&mut self) -> Option<Action> {
        self.actions.recv().await
    }

    /// A handle for reporting from the stack's own tasks.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        Reporter(self.reports.clone())
    }
}

/// Reports from the SIP stack to the plugin. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reporter(mpsc::UnboundedSender<Report>);

impl Reporter {
    /// Reports a response, a failure, or the end of a dialog. After the plugin has ended this does nothing.
    pub fn fact(&self, fact: Fact) {
        let _ = self.0.send(Report::Fact(fact));
    }

    /// Offers a received request. None: it is not for the plugin.
    pub async fn request(&self, request: Request) -> Option<Answering> {
        self.request_by(Flow::Unknown, request).await
    }

    /// The same of a stack that tells by which way the request came; in IMS mode the way of the registration counts alone
    /// (IMS-32, SEC-03).
    ///
    /// It is offered at once, so that requests are taken in the order of these calls; the answer is what is awaited.
    pub fn request_by(&self, flow: Flow, request: Request) -> Offered {
        let (reply, answer) = oneshot::channel();
        // Once the plugin has ended, the sender is gone with the report.
        let _ = self.0.send(Report::Request(flow, request, reply));
        Offered(answer)
    }

    pub(crate) fn answering(
        reports: &mpsc::WeakUnboundedSender<Report>,
        answer: Answer,
    ) -> Option<Answering> {
        let reports = reports.upgrade()?;
        Some(Answering { answer, reports })
    }

    /// Delivers a NOTIFY of a dialog that the host owns. None once the plugin has ended: 481.
    pub async fn notification(
        &self,
        subscription: SubscriptionId,
        headers: Headers,
        body: Vec<u8>,
    ) -> Option<Answering> {
        let (reply, answer) = oneshot::channel();
        let report = Report::Notification(subscription, headers, body, reply);
        self.0.send(report).ok()?;
        answer.await.ok().flatten()
    }
}
