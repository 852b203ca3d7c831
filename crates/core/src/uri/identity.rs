//! The identity that a URI names, for matching roster users against block lists (URI-01…26).

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;

use super::phone::{self, Subscriber};
use super::steps::{Step, Steps};
use super::{Scheme, Uri, UriError, escape, host};

/// How identities are formed. The default is right for block lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityRules {
    /// Other ports than the scheme's own, and sips against sip, make two identities (URI-04, URI-05). Default: off.
    pub strict: bool,
    /// `sip:+number@host` is that number also without `user=phone` (URI-14). Default: on.
    pub plus_user: bool,
}

impl Default for IdentityRules {
    fn default() -> Self {
        Self {
            strict: false,
            plus_user: true,
        }
    }
}

/// What kind of identity a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A user at a host, or a host: `sip:user@host`.
    Address,
    /// A phone number: `tel:+digits`, whatever the host.
    Phone,
    /// A host under .invalid: matches nothing, not even itself (URI-22, RFC 4575 §5.6).
    Anonymous,
    /// A temporary GRUU: nobody can tell whose; matches only its own octets (URI-19, RFC 5627 §3.1.2).
    TemporaryGruu,
    /// A wildcarded identity (`!…!`): not expanded, taken literally (URI-24).
    Wildcard,
    /// A scheme that is not looked into: matches only its own octets.
    Other,
    /// No URI: matches only its own octets (URI-25).
    Unreadable(UriError),
}

/// The identity that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The same for all texts that name this identity: `tel:+digits`, `sip:user@host`, else the text itself.
    pub canonical: String,
    /// What was done to the text to get there.
    pub steps: Steps,
    /// What kind of identity it is.
    pub form: Form,
}

impl Identity {
    /// True when both name one user.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.form != Form::Anonymous && self.canonical == other.canonical
    }
}

/// The outcome of matching two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// True when both name one user.
    pub matches: bool,
    /// The two canonical identities.
    pub canonical: [String; 2],
    /// The steps done to either text.
    pub steps: Steps,
}

/// Says whether two texts name one user, and why.
#[must_use]
pub fn same_identity(a: &str, b: &str, rules: &IdentityRules) -> Match {
    let (a, b) = (identity(a, rules), identity(b, rules));
    Match {
        matches: a.matches(&b),
        steps: a.steps.union(b.steps),
        canonical: [a.canonical, b.canonical],
    }
}

/// The identity that a text names. Blanks around the text do not count; any text has an identity.
#[must_use]
pub fn identity(text: &str, rules: &IdentityRules) -> Identity {
    let text = text.trim();
    let mut steps = Steps::default();
    let parsed = Uri::parse(text).or_else(|fault| {
        let supplied = supply_scheme(text, fault)?;
        steps.insert(Step::MissingScheme);
        Uri::parse(&supplied)
    });
    let uri = match parsed {
        Ok(uri) => uri,
        Err(fault) => return as_written(text, Form::Unreadable(fault)),
    };
    match uri.scheme() {
        Scheme::Other => as_written(text, Form::Other),
        Scheme::Tel => match Subscriber::of(&uri) {
            Some(subscriber) => phone(&subscriber, steps),
            None => as_written(text, Form::Unreadable(UriError::Number)),
        },
        _ => address(text, &uri, rules, steps),
    }
}

/// The domain of the identity that a text names: the host of a sip, sips, im or pres URI, in one writing for all
/// (RFC 4745 §7.1.3, URI-23). Phone numbers as tel URIs have none.
#[must_use]
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim();
    let uri = Uri::parse(text)
        .or_else(|fault| Uri::parse(&supply_scheme(text, fault)?))
        .ok()?;
    match uri.scheme() {
        Scheme::Tel | Scheme::Other => None,
        _ => canonical_domain(uri.host()?),
    }
}

/// The one writing of a domain: escapes undone, ToASCII, lower case (RFC 4745 §7.1.3). None for what is no domain.
pub(crate) fn canonical_domain(text: &str) -> Option<String> {
    host::canonical(text.trim(), &mut Steps::default())
}

fn as_written(text: &str, form: Form) -> Identity {
    Identity {
        canonical: text.to_owned(),
        steps: Steps::default(),
        form,
    }
}

/// As written, but nobody is to see a password (URI-06).
fn but_password(uri: &Uri, form: Form, mut steps: Steps) -> Identity {
    steps.insert_if(Step::StripPassword, uri.password().is_some());
    Identity {
        canonical: format!("{uri}"),
        steps,
        form,
    }
}

/// `user@host` is read as sip (URI-18), a global number as tel.
fn supply_scheme(text: &str, fault: UriError) -> Result<String, UriError> {
    if fault != UriError::NoScheme {
        Err(fault)
    } else if phone::is_bare_global(text) {
        Ok(format!("tel:{text}"))
    } else if text.contains('@') {
        Ok(format!("sip:{text}"))
    } else {
        Err(fault)
    }
}

fn phone(subscriber: &Subscriber<'_>, mut steps: Steps) -> Identity {
    let number = subscriber.canonical(&mut steps);
    Identity {
        canonical: format!("tel:{number}"),
        steps,
        form: Form::Phone,
    }
}

/// The identity of a sip, sips, im or pres URI.
fn address(text: &str, uri: &Uri, rules: &IdentityRules, mut steps: Steps) -> Identity {
    let mut host_steps = Steps::default();
    let Some(host) = uri
        .host()
        .and_then(|host| host::canonical(host, &mut host_steps))
    else {
        let form = Form::Unreadable(UriError::Host);
        return match uri.password() {
            Some(_) => but_password(uri, form, steps),
            None => as_written(text, form),
        };
    };
    if uri.param("gr").is_some_and(str::is_empty) {
        return but_password(uri, Form::TemporaryGruu, steps);
    }
    steps.insert_if(Step::StripPassword, uri.password().is_some());
    let port = kept_port(uri, rules, &mut steps);
    let user_is_phone = strip_params(uri, &mut steps);
    let anonymous = host == "invalid" || host.ends_with(".invalid");

    let subscriber = uri.user().and_then(Subscriber::parse);
    if let Some(subscriber) = &subscriber
        && !anonymous
    {
        if user_is_phone && !subscriber.lacks_context() {
            steps.insert(Step::UserPhone);
            return phone(subscriber, steps);
        }
        if rules.plus_user && subscriber.is_global() {
            steps.insert(Step::PlusUser);
            return phone(subscriber, steps);
        }
    }
    // A local number is known at its own host only (URI-16): it stays an address, but in one writing.
    let user = match subscriber.filter(|s| user_is_phone && s.is_decimal()) {
        Some(subscriber) => {
            steps.insert(Step::UserPhone);
            Some(Cow::Owned(subscriber.canonical(&mut steps)))
        }
        None => {
            steps.insert_if(Step::StripParams, user_is_phone);
            uri.user().map(escape::normal)
        }
    };
    steps.insert_if(
        Step::PercentDecoding,
        matches!((uri.user(), &user), (Some(raw), Some(user)) if raw.contains('%') && raw != user),
    );
    let keeps_sips = rules.strict && uri.scheme() == Scheme::Sips;
    steps.insert_if(
        Step::SchemeClass,
        !keeps_sips && uri.scheme() != Scheme::Sip,
    );

    let scheme = if keeps_sips { "sips" } else { "sip" };
    let (user, at) = user.map_or((Cow::Borrowed(""), ""), |user| (user, "@"));
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    let form = if anonymous {
        Form::Anonymous
    } else if user.matches('!').count() > 1 {
        Form::Wildcard
    } else {
        Form::Address
    };
    Identity {
        canonical: format!("{scheme}:{user}{at}{host}{port}"),
        steps: steps.union(host_steps),
        form,
    }
}

/// The port that makes a difference (URI-04).
fn kept_port(uri: &Uri, rules: &IdentityRules, steps: &mut Steps) -> Option<u16> {
    let own = match uri.scheme() {
        Scheme::Sips => 5061,
        _ => 5060,
    };
    let port = uri.port()?;
    if port == own {
        steps.insert(Step::DefaultPort);
        None
    } else if rules.strict {
        Some(port)
    } else {
        steps.insert(Step::StripPort);
        None
    }
}

/// Notes which parameters and headers are dropped (URI-03, URI-19); true when they hold `user=phone`.
fn strip_params(uri: &Uri, steps: &mut Steps) -> bool {
    let mut user_is_phone = false;
    for (name, value) in uri.params() {
        if escape::same_ignoring_case(name, "gr") {
            steps.insert(Step::StripGruu);
        } else if escape::same_ignoring_case(name, "user")
            && escape::same_ignoring_case(value.unwrap_or_default(), "phone")
        {
            user_is_phone = true;
        } else {
            steps.insert(Step::StripParams);
        }
    }
    steps.insert_if(Step::StripParams, uri.headers().is_some());
    user_is_phone
}
