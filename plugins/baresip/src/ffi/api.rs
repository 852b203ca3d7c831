//! The functions of baresip 1.x and libre 1.x, found by name when the module is loaded, so that it links without either.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

pub(super) type Ptr = *mut c_void;
pub(super) type Const = *const c_void;
pub(super) type Str = *const c_char;

/// `auth_h`: user name and password for a realm.
pub(super) type AuthHandler = extern "C" fn(*mut *mut c_char, *mut *mut c_char, Str, Ptr) -> c_int;
pub(super) type NotifyHandler = extern "C" fn(Ptr, Const, Ptr);
pub(super) type CloseHandler = extern "C" fn(c_int, Const, Const, Ptr);
pub(super) type SendHandler = extern "C" fn(c_int, Const, Const, Ptr, Ptr) -> c_int;
pub(super) type ResponseHandler = extern "C" fn(c_int, Const, Ptr);
pub(super) type HeaderHandler = extern "C" fn(Const, Const, Ptr) -> bool;
pub(super) type EventHandler = extern "C" fn(Ptr, c_int, Ptr, Str, Ptr);
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

macro_rules! api {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// One field a function, with its C name.
        #[derive(Clone, Copy)]
        pub(super) struct Api {
            $($(#[$doc])* pub(super) $name: $type,)*
        }

        impl Api {
            /// Looks all of them up; the first that is missing is named.
            pub(super) fn find() -> Result<Self, String> {
                if find("tmr_start_dbg").is_some() {
                    return Err("it is a later version, whose timers differ".into());
                }
                Ok(Self {
                    $($name: {
                        let address = find(stringify!($name))
                            .ok_or_else(|| format!("it has no {}", stringify!($name)))?;
                        // SAFETY: the function of this name has this type in baresip 1.0 and libre 1.1.
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

api! {
    mem_deref: unsafe extern "C" fn(Ptr) -> Ptr,
    mem_ref: unsafe extern "C" fn(Ptr) -> Ptr,
    mbuf_alloc: unsafe extern "C" fn(usize) -> Ptr,
    mbuf_write_str: unsafe extern "C" fn(Ptr, Str) -> c_int,
    tmr_init: unsafe extern "C" fn(Ptr),
    tmr_start: unsafe extern "C" fn(Ptr, u64, extern "C" fn(Ptr), Ptr),
    tmr_cancel: unsafe extern "C" fn(Ptr),
    re_hprintf: unsafe extern "C" fn(*mut Printf, Str, ...) -> c_int,
    sip_msg_decode: unsafe extern "C" fn(*mut Ptr, Ptr) -> c_int,
    sip_msg_hdr_apply: unsafe extern "C" fn(Const, bool, c_int, HeaderHandler, Ptr) -> Const,
    sip_dialog_alloc: unsafe extern "C" fn(*mut Ptr, Str, Str, Str, Str, *const Str, u32) -> c_int,
    sip_drequestf: unsafe extern "C" fn(*mut Ptr, Ptr, bool, Str, Ptr, u32, Ptr, SendHandler, ResponseHandler, Ptr, Str, ...) -> c_int,
    sip_auth_alloc: unsafe extern "C" fn(*mut Ptr, AuthHandler, Ptr, bool) -> c_int,
    sip_auth_authenticate: unsafe extern "C" fn(Ptr, Const) -> c_int,
    sip_contact_set: unsafe extern "C" fn(*mut SipContact, Str, Const, c_int),
    sip_contact_print: unsafe extern "C" fn(*mut Printf, *const SipContact) -> c_int,
    sip_treplyf: unsafe extern "C" fn(*mut Ptr, *mut Ptr, Ptr, Const, bool, u16, Str, Str, ...) -> c_int,
    sipevent_dsubscribe: unsafe extern "C" fn(*mut Ptr, Ptr, Ptr, Str, Str, u32, Str, AuthHandler, Ptr, bool, NotifyHandler, CloseHandler, Ptr, Str, ...) -> c_int,
    info: unsafe extern "C" fn(Str, ...),
    conf_cur: unsafe extern "C" fn() -> Ptr,
    conf_get_str: unsafe extern "C" fn(Const, Str, *mut c_char, usize) -> c_int,
    baresip_commands: unsafe extern "C" fn() -> Ptr,
    cmd_register: unsafe extern "C" fn(Ptr, *const Cmd, usize) -> c_int,
    cmd_unregister: unsafe extern "C" fn(Ptr, *const Cmd),
    uag_sip: unsafe extern "C" fn() -> Ptr,
    uag_sipevent_sock: unsafe extern "C" fn() -> Ptr,
    uag_find_aor: unsafe extern "C" fn(Str) -> Ptr,
    uag_event_register: unsafe extern "C" fn(EventHandler, Ptr) -> c_int,
    uag_event_unregister: unsafe extern "C" fn(EventHandler),
    uag_event_str: unsafe extern "C" fn(c_int) -> Str,
    ua_account: unsafe extern "C" fn(Const) -> Ptr,
    ua_cuser: unsafe extern "C" fn(Const) -> Str,
    ua_outbound: unsafe extern "C" fn(Const) -> Str,
    account_aor: unsafe extern "C" fn(Const) -> Str,
    account_auth: unsafe extern "C" fn(Const, *mut *mut c_char, *mut *mut c_char, Str) -> c_int,
}

impl Api {
    /// One line into baresip's log, which is also what its user sees.
    pub(super) fn log(&self, line: &str) {
        let line = super::c_string(line);
        // SAFETY: the format takes one string.
        unsafe { (self.info)(c"%s\n".as_ptr(), line.as_ptr()) };
    }

    /// Prints where a command was typed.
    pub(super) fn print(&self, to: *mut Printf, text: &str) {
        let text = super::c_string(text);
        // SAFETY: `to` is what baresip gave to the command that is being carried out; the format takes one string.
        unsafe { (self.re_hprintf)(to, c"%s".as_ptr(), text.as_ptr()) };
    }
}
