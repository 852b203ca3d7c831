//! The functions of baresip and libre, found by name when the module is loaded, so that it links without either; those that
//! are not the same in 1.x and 4.x stand in a table of their own.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

pub(super) type Ptr = *mut c_void;
pub(super) type Const = *const c_void;
pub(super) type Str = *const c_char;

/// `auth_h`: user name and password for a realm.
pub(super) type AuthHandler = extern "C" fn(*mut *mut c_char, *mut *mut c_char, Str, Ptr) -> c_int;
pub(super) type NotifyHandler = extern "C" fn(Ptr, Const, Ptr);
pub(super) type CloseHandler = extern "C" fn(c_int, Const, Const, Ptr);
/// `sip_send_h` of 1.x: transport, source, destination, message, argument.
pub(super) type SendHandler1 = extern "C" fn(c_int, Const, Const, Ptr, Ptr) -> c_int;
/// The same of 4.x, with a place for a body before the argument.
pub(super) type SendHandler4 = extern "C" fn(c_int, Const, Const, Ptr, Ptr, Ptr) -> c_int;
pub(super) type ResponseHandler = extern "C" fn(c_int, Const, Ptr);
pub(super) type HeaderHandler = extern "C" fn(Const, Const, Ptr) -> bool;
/// `ua_event_h` of 1.x: user agent, event, call, parameter, argument.
pub(super) type EventHandler1 = extern "C" fn(Ptr, c_int, Ptr, Str, Ptr);
/// `bevent_h` of 4.x: event, its object, argument.
pub(super) type EventHandler4 = extern "C" fn(c_int, Ptr, Ptr);
pub(super) type QueueHandler = extern "C" fn(c_int, Ptr, Ptr);
/// `sip_trace_h`: sent, transport, source, destination, packet, its length, argument.
pub(super) type TraceHandler = extern "C" fn(bool, c_int, Const, Const, *const u8, usize, Ptr);
type TimerHandler = extern "C" fn(Ptr);
type CommandHandler = extern "C" fn(*mut Printf, Ptr) -> c_int;

/// `struct pl`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Pl {
    pub(super) p: Str,
    pub(super) l: usize,
}

/// `struct mod_export`.
#[repr(C)]
pub(crate) struct ModExport {
    name: Str,
    kind: Str,
    init: extern "C" fn() -> c_int,
    close: extern "C" fn() -> c_int,
}

// SAFETY: nothing in it is ever written.
unsafe impl Sync for ModExport {}

impl ModExport {
    pub(super) const fn new(
        name: &'static CStr,
        kind: &'static CStr,
        init: extern "C" fn() -> c_int,
        close: extern "C" fn() -> c_int,
    ) -> Self {
        Self {
            name: name.as_ptr(),
            kind: kind.as_ptr(),
            init,
            close,
        }
    }
}

/// `struct re_printf`.
#[repr(C)]
pub(super) struct Printf {
    pub(super) handler: extern "C" fn(Str, usize, Ptr) -> c_int,
    pub(super) arg: Ptr,
}

/// `struct cmd`.
#[repr(C)]
pub(super) struct Cmd {
    name: Str,
    key: c_char,
    flags: c_int,
    description: Str,
    handler: CommandHandler,
}

impl Cmd {
    pub(super) const fn new(
        name: &'static CStr,
        flags: c_int,
        description: &'static CStr,
        handler: CommandHandler,
    ) -> Self {
        Self {
            name: name.as_ptr(),
            key: 0,
            flags,
            description: description.as_ptr(),
            handler,
        }
    }
}

/// `struct cmd_arg`.
#[repr(C)]
pub(super) struct CmdArg {
    key: c_char,
    pub(super) prm: Str,
    data: Ptr,
}

/// `struct sip_contact`.
#[repr(C)]
pub(super) struct SipContact {
    uri: Str,
    addr: Const,
    transport: c_int,
}

impl SipContact {
    pub(super) const fn empty() -> Self {
        Self {
            uri: std::ptr::null(),
            addr: std::ptr::null(),
            transport: 0,
        }
    }
}

unsafe extern "C" {
    fn dlsym(handle: Ptr, name: Str) -> Ptr;
}

/// What is looked up by name: a table of functions.
macro_rules! table {
    ($(#[$doc:meta])* $table:ident: $($name:ident: $type:ty,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        #[allow(non_snake_case)]
        pub(super) struct $table {
            $(pub(super) $name: $type,)*
        }

        impl $table {
            /// Looks all of them up; the first that is missing is named.
            fn find(find: &impl Fn(&str) -> Option<Ptr>) -> Result<Self, String> {
                Ok(Self {
                    $($name: {
                        let address = find(stringify!($name))
                            .ok_or_else(|| format!("it has no {}", stringify!($name)))?;
                        // SAFETY: the function of this name has this type in the versions that the table is for.
                        unsafe { std::mem::transmute::<Ptr, $type>(address) }
                    },)*
                })
            }
        }
    };
}

fn find(name: &str) -> Option<Ptr> {
    let name = CString::new(name).ok()?;
    // SAFETY: a null handle searches the whole process; the name ends in NUL.
    let address = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

table! {
    /// The same in all known versions.
    Common:
    mem_deref: unsafe extern "C" fn(Ptr) -> Ptr,
    mbuf_alloc: unsafe extern "C" fn(usize) -> Ptr,
    mbuf_write_str: unsafe extern "C" fn(Ptr, Str) -> c_int,
    tmr_init: unsafe extern "C" fn(Ptr),
    tmr_cancel: unsafe extern "C" fn(Ptr),
    sip_msg_decode: unsafe extern "C" fn(*mut Ptr, Ptr) -> c_int,
    sip_msg_hdr_apply: unsafe extern "C" fn(Const, bool, c_int, HeaderHandler, Ptr) -> Const,
    sip_dialog_alloc: unsafe extern "C" fn(*mut Ptr, Str, Str, Str, Str, *const Str, u32) -> c_int,
    sip_auth_alloc: unsafe extern "C" fn(*mut Ptr, AuthHandler, Ptr, bool) -> c_int,
    mqueue_alloc: unsafe extern "C" fn(*mut Ptr, QueueHandler, Ptr) -> c_int,
    mqueue_push: unsafe extern "C" fn(Ptr, c_int, Ptr) -> c_int,
    sip_set_trace_handler: unsafe extern "C" fn(Ptr, Option<TraceHandler>, Ptr),
    sip_auth_reset: unsafe extern "C" fn(Ptr),
    sip_auth_authenticate: unsafe extern "C" fn(Ptr, Const) -> c_int,
    sip_contact_set: unsafe extern "C" fn(*mut SipContact, Str, Const, c_int),
    sip_contact_print: unsafe extern "C" fn(*mut Printf, *const SipContact) -> c_int,
    sip_treplyf: unsafe extern "C" fn(*mut Ptr, *mut Ptr, Ptr, Const, bool, u16, Str, Str, ...) -> c_int,
    sipevent_dsubscribe: unsafe extern "C" fn(*mut Ptr, Ptr, Ptr, Str, Str, u32, Str, AuthHandler, Ptr, bool, NotifyHandler, CloseHandler, Ptr, Str, ...) -> c_int,
    conf_cur: unsafe extern "C" fn() -> Ptr,
    conf_get_str: unsafe extern "C" fn(Const, Str, *mut c_char, usize) -> c_int,
    baresip_commands: unsafe extern "C" fn() -> Ptr,
    cmd_register: unsafe extern "C" fn(Ptr, *const Cmd, usize) -> c_int,
    cmd_unregister: unsafe extern "C" fn(Ptr, *const Cmd),
    uag_sip: unsafe extern "C" fn() -> Ptr,
    uag_sipevent_sock: unsafe extern "C" fn() -> Ptr,
    uag_find_aor: unsafe extern "C" fn(Str) -> Ptr,
    ua_account: unsafe extern "C" fn(Const) -> Ptr,
    ua_cuser: unsafe extern "C" fn(Const) -> Str,
    ua_outbound: unsafe extern "C" fn(Const) -> Str,
    ua_isregistered: unsafe extern "C" fn(Const) -> bool,
    account_regint: unsafe extern "C" fn(Const) -> u32,
    account_auth_user: unsafe extern "C" fn(Const) -> Str,
    account_auth_pass: unsafe extern "C" fn(Const) -> Str,
    account_aor: unsafe extern "C" fn(Const) -> Str,
    account_auth: unsafe extern "C" fn(Const, *mut *mut c_char, *mut *mut c_char, Str) -> c_int,
}

table! {
    /// baresip 1.x with libre 1.x.
    One:
    info: unsafe extern "C" fn(Str, ...),
    re_hprintf: unsafe extern "C" fn(*mut Printf, Str, ...) -> c_int,
    tmr_start: unsafe extern "C" fn(Ptr, u64, TimerHandler, Ptr),
    uag_event_register: unsafe extern "C" fn(EventHandler1, Ptr) -> c_int,
    uag_event_unregister: unsafe extern "C" fn(EventHandler1),
    sip_drequestf: unsafe extern "C" fn(*mut Ptr, Ptr, bool, Str, Ptr, u32, Ptr, SendHandler1, ResponseHandler, Ptr, Str, ...) -> c_int,
    uag_current: unsafe extern "C" fn() -> Ptr,
    uag_event_str: unsafe extern "C" fn(c_int) -> Str,
}

table! {
    /// baresip 4.x with libre 4.x: what were functions are macros over these.
    Four:
    _info: unsafe extern "C" fn(bool, Str, ...),
    _re_hprintf: unsafe extern "C" fn(*mut Printf, Str, ...) -> c_int,
    tmr_start_dbg: unsafe extern "C" fn(Ptr, u64, TimerHandler, Ptr, Str, c_int),
    sip_drequestf: unsafe extern "C" fn(*mut Ptr, Ptr, bool, Str, Ptr, u32, Ptr, SendHandler4, ResponseHandler, Ptr, Str, ...) -> c_int,
    bevent_register: unsafe extern "C" fn(EventHandler4, Ptr) -> c_int,
    bevent_unregister: unsafe extern "C" fn(EventHandler4),
    bevent_str: unsafe extern "C" fn(c_int) -> Str,
}

/// Which baresip this is.
#[derive(Clone, Copy)]
pub(super) enum Version {
    One(One),
    Four(Four),
}

/// All that is called.
#[derive(Clone, Copy)]
pub(super) struct Api {
    common: Common,
    pub(super) version: Version,
}

impl std::ops::Deref for Api {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.common
    }
}

/// Logs where no table could be made: by whichever function for it is there.
pub(super) fn log_anyhow(line: &str) {
    let text = super::c_string(line);
    if let Ok(four) = Four::find(&find) {
        // SAFETY: the format takes one string.
        unsafe { (four._info)(false, c"%s\n".as_ptr(), text.as_ptr()) };
    } else if let Some(info) = find("info").filter(|_| find("tmr_start_dbg").is_none()) {
        // SAFETY: as long as timers are those of 1.x this function has this type, and the format takes one string.
        unsafe {
            let info = std::mem::transmute::<Ptr, unsafe extern "C" fn(Str, ...)>(info);
            info(c"%s\n".as_ptr(), text.as_ptr());
        }
    } else {
        eprintln!("{line}");
    }
}

/// libre's version, as it says itself.
fn version() -> Option<String> {
    let address = find("sys_libre_version_get")?;
    // SAFETY: takes nothing and gives a static string, in all versions that have it.
    unsafe {
        let get = std::mem::transmute::<Ptr, unsafe extern "C" fn() -> Str>(address);
        super::text(get())
    }
}

impl Api {
    /// Looks all functions up.
    ///
    /// # Errors
    /// What is not as in a known version.
    pub(super) fn find() -> Result<Self, String> {
        Self::find_by(&find, version().as_deref())
    }

    fn find_by(find: &impl Fn(&str) -> Option<Ptr>, libre: Option<&str>) -> Result<Self, String> {
        let version = libre.ok_or("libre is not there, or does not tell its version")?;
        let tables = match version.split('.').next() {
            Some("1") => One::find(find).map(Version::One),
            Some("4") => Four::find(find).map(Version::Four),
            _ => Err("known are 1.x and 4.x".into()),
        };
        let found = tables.and_then(|tables| Ok((Common::find(find)?, tables)));
        let (common, version) = found.map_err(|fault| format!("libre {version}: {fault}"))?;
        Ok(Self { common, version })
    }

    /// Sets a timer that was initialised.
    ///
    /// # Safety
    /// The timer lives until it has come or is cancelled.
    pub(super) unsafe fn tmr_start(&self, timer: Ptr, ms: u64, handler: TimerHandler) {
        let none = std::ptr::null_mut();
        // SAFETY: by the contract of this function.
        unsafe {
            match self.version {
                Version::One(one) => (one.tmr_start)(timer, ms, handler, none),
                Version::Four(four) => {
                    (four.tmr_start_dbg)(timer, ms, handler, none, c"conference".as_ptr(), 0);
                }
            }
        }
    }

    /// The name of an event: their numbers differ between versions.
    pub(super) fn event_name(&self, event: c_int) -> Option<String> {
        // SAFETY: both give a static string.
        unsafe {
            super::text(match self.version {
                Version::One(one) => (one.uag_event_str)(event),
                Version::Four(four) => (four.bevent_str)(event),
            })
        }
    }

    /// One line into baresip's log, which is also what its user sees.
    pub(super) fn log(&self, line: &str) {
        let line = super::c_string(line);
        // SAFETY: the format takes one string.
        unsafe {
            match self.version {
                Version::One(one) => (one.info)(c"%s\n".as_ptr(), line.as_ptr()),
                Version::Four(four) => (four._info)(false, c"%s\n".as_ptr(), line.as_ptr()),
            }
        }
    }

    /// Prints where a command was typed.
    pub(super) fn print(&self, to: *mut Printf, text: &str) {
        let text = super::c_string(text);
        // SAFETY: `to` is what baresip gave to the command that is being carried out; the format takes one string.
        unsafe {
            match self.version {
                Version::One(one) => (one.re_hprintf)(to, c"%s".as_ptr(), text.as_ptr()),
                Version::Four(four) => (four._re_hprintf)(to, c"%s".as_ptr(), text.as_ptr()),
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not known is refused by name.
    #[test]
    fn an_unknown_version_is_refused_and_named() {
        let anything = |_: &str| Some(std::ptr::without_provenance_mut(8));
        let nothing = |_: &str| None;
        let fault = |api: Result<Api, String>| api.err().unwrap_or_default();
        assert!(Api::find_by(&anything, Some("1.1.0")).is_ok());
        assert!(Api::find_by(&anything, Some("4.10.0")).is_ok());
        for (version, expected) in [
            (Some("2.0.1"), "libre 2.0.1: known are 1.x and 4.x"),
            (Some("nonsense"), "libre nonsense: known are 1.x and 4.x"),
            (None, "libre is not there, or does not tell its version"),
        ] {
            assert_eq!(fault(Api::find_by(&anything, version)), expected);
        }
        let fault = fault(Api::find_by(&nothing, Some("4.99.0")));
        assert_eq!(fault, "libre 4.99.0: it has no _info");
        // Here is no baresip at all.
        assert!(Api::find().is_err());
    }
}
