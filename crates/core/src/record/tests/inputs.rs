//! Inputs of every kind with any values in them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use crate::account::AccountId;
use crate::blocklist::rules::{
    Actions, AllowInvite, Condition, Except, ExternalList, Interval, Members, Rule, RuleSet,
    RuleSettings, Services, SubHandling, Who,
};
use crate::blocklist::{BlockList, Entry, SourceState, Update};
use crate::engine::{Body, PackageSettings, WatchId};
use crate::host::{Fact, Flow, SendFailure, SubscriptionId, TransactionId};
use crate::message::{Headers, Request, Response};
use crate::profile;
use crate::record::kind::KINDS;
use crate::record::{Input, ProfileName, RecordedAccount};
use crate::registration::{Mechanism, Registration, RegistrationState, SipCore};
use crate::session::{ImSession, Role, SessionId};
use crate::uri::IdentityRules;
use crate::wall_time::WallTime;

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z:|# \"\\\\=\r\n\t]{0,12}".prop_map(|text| text)
    ]
}

fn message() -> impl Strategy<Value = (Headers, Vec<u8>)> {
    let header = (text(), text());
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        text().prop_map(String::into_bytes)
    ];
    (proptest::collection::vec(header, 0..4), body)
        .prop_map(|(headers, body)| (headers.into_iter().collect(), body))
}

fn time() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn registration() -> impl Strategy<Value = Registration> {
    let lists = || proptest::option::of(proptest::collection::vec(text(), 0..2));
    let some = || proptest::option::of(text());
    let known = (some(), some(), some(), some(), lists(), lists(), lists());
    (text(), any::<bool>(), any::<Option<u32>>(), known).prop_map(
        |(contact, flag, expires, known)| {
            let (proxy, gruu, registered, access, service_route, path, associated) = known;
            Registration {
                state: if flag {
                    RegistrationState::Active
                } else {
                    RegistrationState::Unknown
                },
                contact,
                outbound_proxy: proxy.clone(),
                protected_proxy: gruu.clone(),
                protected: flag,
                security_server: path.clone().unwrap_or_default(),
                service_route,
                path,
                associated,
                registered,
                public_gruu: gruu,
                temporary_gruu: proxy.clone(),
                mechanism: flag.then_some(Mechanism::IpsecAka),
                access_network: access.clone(),
                cellular_network: access,
                access_network_unprotected: !flag,
                outbound: flag,
                expires,
                home_domain: proxy,
                told_core: expires.map(|_| SipCore::Ims),
            }
        },
    )
}

fn account() -> impl Strategy<Value = RecordedAccount> {
    let texts = || proptest::collection::vec(text(), 0..3);
    let names = (
        text(),
        texts(),
        proptest::option::of(text()),
        text(),
        texts(),
    );
    let settings = (
        any::<u32>(),
        time(),
        any::<u8>(),
        any::<[bool; 4]>(),
        any::<usize>(),
    );
    (names, settings).prop_map(|(names, settings)| {
        let (identity, also, username, icsi, sources) = names;
        let (expires, t1, max_attempts, flags, limit) = settings;
        let [retry_unreachable, host_refreshes, strict, match_endpoints] = flags;
        let mut account = RecordedAccount {
            identity,
            also,
            username,
            profile: [
                ProfileName::Plain,
                ProfileName::Ims,
                ProfileName::Auto,
                ProfileName::Other,
            ][usize::from(max_attempts % 4)],
            profile_settings: profile::Settings {
                accept_contact: if strict {
                    profile::ContactPreference::Lenient
                } else {
                    profile::ContactPreference::None
                },
                icsi: strict.then(|| icsi.clone()),
                product: host_refreshes.then_some(icsi),
                service_route: strict,
                trusted_proxy: match_endpoints,
                watch_registration: retry_unreachable,
            },
            sources,
            match_endpoints,
            anonymous: !strict,
            rules: RuleSettings {
                polite_block: match_endpoints,
                sphere: strict.then(|| "at work".into()),
            },
            identities: IdentityRules {
                strict,
                plus_user: !host_refreshes,
            },
            ..RecordedAccount::default()
        };
        account.sessions.subscribe = retry_unreachable;
        account.sessions.without_focus = host_refreshes;
        account.sessions.patience = t1;
        let subscription = &mut account.subscription;
        subscription.expires = expires;
        subscription.t1 = t1;
        subscription.max_attempts = max_attempts;
        subscription.retry_unreachable = retry_unreachable;
        subscription.host_refreshes = host_refreshes;
        subscription.suppress = strict;
        subscription.max_rate = crate::header::Rate::every(t1);
        subscription.min_rate = crate::header::Rate::parse("0.25").filter(|_| host_refreshes);
        account.conference.limits.users = limit;
        account.conference.limits.xml.body = limit / 2;
        if strict {
            account.conference.mode = crate::conference::Mode::Strict;
        }
        account
    })
}

fn rules() -> impl Strategy<Value = RuleSet> {
    let name = || text().prop_map(Arc::<str>::from);
    let names = || proptest::collection::vec(name(), 0..3);
    let some = || proptest::option::of(name());
    let time = || any::<i64>().prop_map(WallTime::from_unix_millis);
    let except = prop_oneof![name().prop_map(Except::Id), name().prop_map(Except::Domain)];
    let who = prop_oneof![
        name().prop_map(Who::One),
        (some(), proptest::collection::vec(except, 0..3))
            .prop_map(|(domain, except)| Who::Many { domain, except }),
    ];
    let interval = (time(), time()).prop_map(|(from, until)| Interval { from, until });
    let members = (names(), any::<bool>()).prop_map(|(uris, complete)| Members { uris, complete });
    let list =
        (name(), some(), proptest::option::of(members)).prop_map(|(anchor, name, members)| {
            ExternalList {
                anchor,
                name,
                members,
            }
        });
    let services = prop_oneof![
        name().prop_map(Services::Only),
        names().prop_map(Services::AllExcept)
    ];
    let condition = prop_oneof![
        proptest::collection::vec(who, 0..3).prop_map(Condition::Identity),
        proptest::collection::vec(interval, 0..3).prop_map(Condition::Validity),
        name().prop_map(Condition::Sphere),
        proptest::collection::vec(list, 0..3).prop_map(Condition::ExternalList),
        Just(Condition::OtherIdentity),
        Just(Condition::AnonymousRequest),
        proptest::collection::vec(services, 0..3).prop_map(Condition::Services),
        Just(Condition::Unknown),
    ];
    let actions = (0..5u8, 0..4u8, any::<Option<bool>>()).prop_map(|(one, two, three)| Actions {
        sub_handling: [
            None,
            Some(SubHandling::Block),
            Some(SubHandling::Confirm),
            Some(SubHandling::PoliteBlock),
            Some(SubHandling::Allow),
        ][usize::from(one)],
        allow_invite: [
            None,
            Some(AllowInvite::Reject),
            Some(AllowInvite::Pass),
            Some(AllowInvite::Accept),
        ][usize::from(two)],
        allow_reject_invite: three,
    });
    let rule = (name(), proptest::collection::vec(condition, 0..3), actions).prop_map(
        |(id, conditions, actions)| Rule {
            id,
            conditions,
            actions,
        },
    );
    proptest::collection::vec(rule, 0..3).prop_map(|rules| RuleSet { rules })
}

fn update() -> impl Strategy<Value = Update> {
    let entry = (
        text(),
        proptest::option::of(text()),
        proptest::option::of(text()),
    )
        .prop_map(|(uri, list, rule)| Entry {
            uri: uri.into(),
            list: list.map(Into::into),
            rule: rule.map(Into::into),
        });
    let rules = proptest::option::of(rules().prop_map(Arc::new));
    let list = (proptest::collection::vec(entry, 0..3), any::<bool>(), rules).prop_map(
        |(entries, complete, rules)| BlockList {
            entries,
            complete,
            rules,
        },
    );
    let state = prop_oneof![
        Just(SourceState::Fresh),
        Just(SourceState::Stale),
        Just(SourceState::Incomplete),
        Just(SourceState::Unavailable),
        Just(SourceState::Empty),
    ];
    let tag = proptest::option::of(text());
    (state, proptest::option::of(list), tag).prop_map(|(state, list, etag)| Update {
        state,
        list,
        etag,
    })
}

pub(super) fn input() -> impl Strategy<Value = Input> {
    let first = (
        0..KINDS.len(),
        time(),
        any::<u64>(),
        any::<u16>(),
        text(),
        text(),
    );
    let second = (
        message(),
        account(),
        registration(),
        update(),
        any::<bool>(),
    );
    (first, second).prop_map(|(first, second)| {
        let (kind, now, number, status, one, other) = first;
        let ((headers, body), account, registration, update, flag) = second;
        let (watch, id) = (WatchId(number), AccountId(number as u32));
        let (transaction, subscription) = (TransactionId(number), SubscriptionId(number));
        let failure = if flag {
            SendFailure::NoAnswer
        } else {
            SendFailure::Unreachable
        };
        let response = Response {
            status,
            reason: one.clone(),
            headers: headers.clone(),
            body: body.clone(),
        };
        let fact = |fact| Input::Fact { now, fact };
        match KINDS[kind] {
            "account" => Input::Account {
                account: Box::new(account),
                registration: Box::new(registration),
            },
            "registration" => Input::Registration {
                now,
                account: id,
                registration: Box::new(registration),
            },
            "switch" => Input::Switch {
                now,
                account: id,
                profile: account.profile,
                settings: Box::new(account.profile_settings),
                registration: Box::new(registration),
            },
            "watch" => Input::Watch {
                now,
                account: id,
                target: one,
                once: flag,
            },
            "watch-package" => Input::WatchPackage {
                now,
                account: id,
                target: other,
                settings: PackageSettings {
                    event: one.clone(),
                    accept: account.also,
                    body: flag.then_some(Body {
                        content_type: one,
                        bytes: body,
                    }),
                    expires: registration.expires,
                },
                once: flag,
            },
            "session-started" => Input::SessionStarted {
                now,
                session: ImSession {
                    id: SessionId(number),
                    account: id,
                    role: if flag {
                        Role::ClientInvited
                    } else {
                        Role::ClientOriginated
                    },
                    identity: one,
                    group: flag.then_some(other),
                    is_focus: registration.expires.map(|_| flag),
                    allows_conference: flag.then_some(status > 9),
                },
            },
            "session-ended" => Input::SessionEnded {
                now,
                session: SessionId(number),
            },
            "watch-documents" => Input::WatchDocuments {
                now,
                account: id,
                target: one,
                documents: account.also,
            },
            "documents" => Input::Documents {
                now,
                watch,
                documents: account.also,
            },
            "refresh" => Input::Refresh { now, watch },
            "unsubscribe" => Input::Unsubscribe { now, watch },
            "stop" => Input::Stop {
                now,
                patience: now / 3,
            },
            "remove" => Input::Remove { watch },
            "source" => Input::Source {
                account: id,
                source: one,
            },
            "block-list" => Input::BlockList {
                account: id,
                source: one,
                update,
            },
            "response" => fact(Fact::Response {
                transaction,
                response,
            }),
            "failed" => fact(Fact::Failed {
                transaction,
                failure,
            }),
            "dialog-response" => fact(Fact::DialogResponse {
                subscription,
                response,
            }),
            "dialog-failed" => fact(Fact::DialogFailed {
                subscription,
                failure,
            }),
            "terminated" => fact(Fact::Terminated { subscription }),
            "too-large" => fact(Fact::TooLarge),
            "request" => Input::Request {
                now,
                flow: [Flow::Unknown, Flow::Registered, Flow::Foreign][usize::from(status % 3)],
                request: Request {
                    method: one,
                    uri: other,
                    headers,
                    body,
                },
            },
            "notification" => Input::Notification {
                now,
                subscription,
                headers,
                body,
            },
            "wall-time" => Input::WallTime {
                now,
                wall_time: WallTime::from_unix_millis(-1),
            },
            "timeout" => Input::Timeout { now },
            _ => fact(Fact::FlowLost),
        }
    })
}
