//! One subscription in libre: a dialog of our own, libre's subscription object on it, and our requests in it.
//!
//! libre must have that object: it hands NOTIFYs to nothing else. It sends the first SUBSCRIBE; every later one is ours,
//! so that the headers are made anew and the final NOTIFY still finds the object.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollmark_core::host::SendFailure;

use super::api::{Api, Const, Printf, Ptr, SipContact, Str, Version};
use super::{Module, api, c_string, feed, guarded, layout};

/// What the first SUBSCRIBE is to be.
pub(super) struct Wanted {
    pub(super) account: String,
    pub(super) target: String,
    pub(super) routes: Vec<String>,
    pub(super) event: String,
    pub(super) expires: u32,
    pub(super) headers: String,
    pub(super) contact: String,
}

/// Objects of libre, each held once.
struct Handle {
    /// URI of the account.
    account: CString,
    /// The user part of Contact. The account itself is not held, or it could not be deleted and made anew.
    user: CString,
    dialog: Ptr,
    auth: Ptr,
    subscription: Ptr,
    /// Written by libre: null once the request is answered.
    request: Ptr,
    /// Of the last request in the dialog, for its repetition with credentials.
    text: CString,
    contact: String,
    /// A NOTIFY has come.
    notified: bool,
    /// The account was asked anew for the credentials of the request that is under way.
    asked_anew: bool,
}

/// An address of a [`Handle`], which is only touched on baresip's thread.
struct Held(*mut Handle);

// SAFETY: every entry point and the timer run on the thread of baresip's main loop.
unsafe impl Send for Held {}

static HELD: Mutex<BTreeMap<u64, Held>> = Mutex::new(BTreeMap::new());

fn held() -> MutexGuard<'static, BTreeMap<u64, Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock is not kept: libre may call back at once.
fn find(id: u64) -> Option<*mut Handle> {
    held().get(&id).map(|held| held.0)
}

/// The engine's name of a dialog travels through libre as a pointer that nobody follows.
fn name(id: u64) -> Ptr {
    std::ptr::without_provenance_mut(usize::try_from(id).unwrap_or_default())
}

fn id(name: Ptr) -> u64 {
    name.addr() as u64
}

/// Makes the dialog and the subscription; what goes wrong is told to the engine.
pub(super) fn open(api: &Api, id: u64, wanted: Wanted) {
    // SAFETY: all strings outlive the calls; libre copies them. What is made is in the handle before anything can fail.
    let error = unsafe {
        let aor = c_string(&wanted.account);
        let ua = (api.uag_find_aor)(aor.as_ptr());
        if ua.is_null() {
            return failed(id, -1);
        }
        let handle = Box::into_raw(Box::new(Handle {
            account: aor,
            user: c_string(&super::text((api.ua_cuser)(ua)).unwrap_or_default()),
            dialog: null_mut(),
            auth: null_mut(),
            subscription: null_mut(),
            request: null_mut(),
            text: CString::default(),
            contact: wanted.contact,
            notified: false,
            asked_anew: false,
        }));
        held().insert(id, Held(handle));
        let target = c_string(&wanted.target);
        let event = c_string(&wanted.event);
        let headers = c_string(&wanted.headers);
        let routes: Vec<CString> = wanted.routes.iter().map(|route| c_string(route)).collect();
        let routes: Vec<Str> = routes.iter().map(|route| route.as_ptr()).collect();
        let count = u32::try_from(routes.len()).unwrap_or_default();
        let account = (api.ua_account)(ua);
        let mut error = (api.sip_dialog_alloc)(
            &raw mut (*handle).dialog,
            target.as_ptr(),
            target.as_ptr(),
            null(),
            (api.account_aor)(account),
            routes.as_ptr(),
            count,
        );
        if error == 0 {
            error = (api.sip_auth_alloc)(&raw mut (*handle).auth, on_auth, name(id), false);
        }
        if error == 0 {
            error = (api.sipevent_dsubscribe)(
                &raw mut (*handle).subscription,
                (api.uag_sipevent_sock)(),
                (*handle).dialog,
                event.as_ptr(),
                null(),
                wanted.expires,
                (*handle).user.as_ptr(),
                on_auth,
                name(id),
                false,
                on_notify,
                on_close,
                name(id),
                c"%s".as_ptr(),
                headers.as_ptr(),
            );
        }
        error
    };
    if error != 0 {
        failed(id, error);
    }
}

fn failed(id: u64, error: c_int) {
    /// `ETIMEDOUT` of Linux.
    const TIMED_OUT: c_int = 110;
    let failure = if error == TIMED_OUT {
        SendFailure::NoAnswer
    } else {
        SendFailure::Unreachable
    };
    feed(|module| module.failed(id, failure));
}

/// Sends a SUBSCRIBE in the dialog.
pub(super) fn request(api: &Api, id: u64, text: String, contact: String) {
    let Some(handle) = find(id) else { return };
    // SAFETY: the handle lives until `release`, which runs on this thread only.
    unsafe {
        (*handle).text = c_string(&text);
        (*handle).contact = contact;
        (*handle).asked_anew = false;
    }
    send(api, id, handle);
}

fn send(api: &Api, id: u64, handle: *mut Handle) {
    // SAFETY: as in `request`. A request that is still under way is given up: its answer means nothing any more.
    let error = unsafe {
        let before = std::mem::replace(&mut (*handle).request, null_mut());
        (api.mem_deref)(before);
        let request = &raw mut (*handle).request;
        let (sip, method) = ((api.uag_sip)(), c"SUBSCRIBE".as_ptr());
        let (dialog, auth) = ((*handle).dialog, (*handle).auth);
        let (format, text) = (c"%s".as_ptr(), (*handle).text.as_ptr());
        match api.version {
            Version::One(one) => (one.sip_drequestf)(
                request,
                sip,
                true,
                method,
                dialog,
                0,
                auth,
                on_send_1,
                on_response,
                name(id),
                format,
                text,
            ),
            Version::Four(four) => (four.sip_drequestf)(
                request,
                sip,
                true,
                method,
                dialog,
                0,
                auth,
                on_send_4,
                on_response,
                name(id),
                format,
                text,
            ),
        }
    };
    if error != 0 {
        failed(id, error);
    }
}

/// Releases a subscription; nothing of it calls back any more.
pub(super) fn release(api: &Api, id: u64) {
    let Some(Held(handle)) = held().remove(&id) else {
        return;
    };
    // SAFETY: taken out of the table, so this happens once; null may be released.
    unsafe {
        let handle = Box::from_raw(handle);
        for object in [
            handle.subscription,
            handle.request,
            handle.auth,
            handle.dialog,
        ] {
            (api.mem_deref)(object);
        }
    }
}

pub(super) fn release_all(api: &Api) {
    let ids: Vec<u64> = held().keys().copied().collect();
    for id in ids {
        release(api, id);
    }
    // The file may be unloaded next, and the table's last memory with it.
    *held() = BTreeMap::new();
}

extern "C" fn on_auth(
    user: *mut *mut c_char,
    password: *mut *mut c_char,
    realm: Str,
    arg: Ptr,
) -> c_int {
    guarded(super::BROKEN, || {
        let (Some(api), Some(handle)) = (api(), find(id(arg))) else {
            return super::BROKEN;
        };
        // SAFETY: the handle lives; the account is asked for by its URI, for it may have been made anew; the rest is handed
        // on as it came.
        unsafe {
            let ua = (api.uag_find_aor)((*handle).account.as_ptr());
            if ua.is_null() {
                return super::BROKEN;
            }
            (api.account_auth)((api.ua_account)(ua), user, password, realm)
        }
    })
}

extern "C" fn on_notify(sip: Ptr, message: Const, arg: Ptr) {
    guarded((), || {
        let (Some(api), Some(layout)) = (api(), layout()) else {
            return;
        };
        // SAFETY: libre gives a decoded message that lives during this call.
        let (headers, body) = unsafe { (layout::headers(&api, message), layout.body(message)) };
        if let Some(handle) = find(id(arg)) {
            // SAFETY: the handle lives until `release`, which runs on this thread only.
            unsafe { (*handle).notified = true };
        }
        let answer = feed(|module: &mut Module| module.notification(id(arg), &headers, &body));
        let Some(answer) = answer else { return };
        let extra: String = answer
            .headers
            .iter()
            .map(|header| format!("{}: {}\r\n", header.name, header.value))
            .collect();
        let extra = c_string(&format!("{extra}Content-Length: 0\r\n\r\n"));
        let reason = match answer.status {
            200 => c"OK",
            481 => c"Subscription Does Not Exist",
            _ => c"Refused",
        };
        // SAFETY: the format takes one string.
        unsafe {
            (api.sip_treplyf)(
                null_mut(),
                null_mut(),
                sip,
                message,
                false,
                answer.status,
                reason.as_ptr(),
                c"%s".as_ptr(),
                extra.as_ptr(),
            );
        }
    });
}

/// libre's own request was refused or failed, or the notifier has said `terminated`, which [`on_notify`] has seen.
extern "C" fn on_close(error: c_int, message: Const, state: Const, arg: Ptr) {
    guarded((), || {
        if !state.is_null() {
            return;
        }
        // SAFETY: as in `on_notify`.
        let notified = find(id(arg)).is_some_and(|handle| unsafe { (*handle).notified });
        if notified {
            // libre has refreshed a life that was too short for us, in vain.
            feed(|module| module.terminated(id(arg)));
        } else if message.is_null() {
            failed(id(arg), error);
        } else {
            tell(message, id(arg));
        }
    });
}

extern "C" fn on_response(error: c_int, message: Const, arg: Ptr) {
    guarded((), || {
        let (Some(api), Some(layout)) = (api(), layout()) else {
            return;
        };
        let id = id(arg);
        let Some(handle) = find(id) else { return };
        if error != 0 || message.is_null() {
            return failed(id, error);
        }
        // SAFETY: a decoded message that lives during this call.
        let status = unsafe { layout.status(message) };
        if status < 200 {
            return;
        }
        // SAFETY: as above; the handle lives.
        let again = matches!(status, 401 | 407) && unsafe { authenticate(&api, handle, message) };
        if again {
            send(&api, id, handle);
        } else {
            tell(message, id);
        }
    });
}

/// Takes a challenge; false where there is no answer to it, or the answer was refused before.
///
/// # Safety
/// The handle lives, and the message is a decoded one.
unsafe fn authenticate(api: &Api, handle: *mut Handle, message: Const) -> bool {
    // SAFETY: by the contract of this function.
    unsafe {
        let auth = (*handle).auth;
        if (api.sip_auth_authenticate)(auth, message) == 0 {
            return true;
        }
        // What libre remembers is refused: perhaps the account has a new password since. Once a request.
        if std::mem::replace(&mut (*handle).asked_anew, true) {
            return false;
        }
        (api.sip_auth_reset)(auth);
        (api.sip_auth_authenticate)(auth, message) == 0
    }
}

fn tell(message: Const, id: u64) {
    let (Some(api), Some(layout)) = (api(), layout()) else {
        return;
    };
    // SAFETY: both callers have a decoded message.
    let (status, headers) = unsafe { (layout.status(message), layout::headers(&api, message)) };
    if status >= 200 {
        feed(|module| module.response(id, status, headers));
    }
}

extern "C" fn gather(text: Str, length: usize, arg: Ptr) -> c_int {
    guarded(super::BROKEN, || {
        // SAFETY: `arg` is from `on_send`; the text is as long as is said.
        unsafe {
            let gathered = &mut *arg.cast::<Vec<u8>>();
            gathered.extend_from_slice(std::slice::from_raw_parts(text.cast(), length));
        }
        0
    })
}

extern "C" fn on_send_1(
    transport: c_int,
    source: Const,
    _to: Const,
    buffer: Ptr,
    arg: Ptr,
) -> c_int {
    on_send(transport, source, buffer, id(arg))
}

extern "C" fn on_send_4(
    transport: c_int,
    source: Const,
    _to: Const,
    buffer: Ptr,
    _body: Ptr,
    arg: Ptr,
) -> c_int {
    on_send(transport, source, buffer, id(arg))
}

/// Adds the Contact, once libre knows the local address.
fn on_send(transport: c_int, source: Const, buffer: Ptr, id: u64) -> c_int {
    guarded(super::BROKEN, || {
        let (Some(api), Some(handle)) = (api(), find(id)) else {
            return super::BROKEN;
        };
        let mut line: Vec<u8> = Vec::new();
        // SAFETY: the contact points to strings and an address that outlive this call; the handle lives.
        unsafe {
            let mut contact = SipContact::empty();
            (api.sip_contact_set)(&raw mut contact, (*handle).user.as_ptr(), source, transport);
            let mut printf = Printf {
                handler: gather,
                arg: (&raw mut line).cast::<c_void>(),
            };
            let error = (api.sip_contact_print)(&raw mut printf, &raw const contact);
            if error != 0 {
                return error;
            }
            let line = String::from_utf8_lossy(&line);
            let line = format!("{}{}\r\n", line.trim_end(), (*handle).contact);
            (api.mbuf_write_str)(buffer, c_string(&line).as_ptr())
        }
    })
}
