//! The C side: the only unsafe code. Entry points that baresip calls, and what the module calls of baresip.
//!
//! Every entry point catches panics and reads what it is given at once; nothing of libre's is kept but the objects in a
//! [`Handle`], which are released once. All of it runs on the thread of baresip's main loop.
#![allow(unsafe_code)]

mod api;
mod layout;
mod subscription;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollmark_core::digest::{Credentials, Secret};

use crate::adapter::{Hooks, Module};
use crate::command::{self, Command};
use crate::deed::Deed;
use crate::registration::{User, register_answer};
use crate::settings::Settings;
use api::{Api, Cmd, CmdArg, ModExport, Printf, Str, Version};

/// `EINVAL`, `ENOSYS`, `EIO` of Linux, as baresip prints them.
const INVALID: c_int = 22;
const UNKNOWN: c_int = 38;
const BROKEN: c_int = 5;
/// Room for `struct tmr`: 56 bytes in libre 1.1, 80 in 4.10, and what later ones may add.
const TIMER_WORDS: usize = 32;

/// All that lives between `init` and `close`.
struct Loaded {
    api: Api,
    layout: layout::Layout,
    module: Module,
    timer: Box<[u64; TIMER_WORDS]>,
    /// The trace of baresip is read.
    tap: bool,
}

/// libre's queue of messages to the main loop, while the module is loaded: the only thing that another thread touches.
static QUEUE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Lets the main loop look for news; called on the thread of the block lists, which `unload` ends before it takes the queue
/// away.
fn wake() {
    let queue = QUEUE.load(Ordering::Acquire);
    if let (false, Ok(api)) = (queue.is_null(), Api::find()) {
        // SAFETY: the queue lives; it is made to be pushed to by any thread, and no data goes with it.
        unsafe { (api.mqueue_push)(queue, 0, std::ptr::null_mut()) };
    }
}

extern "C" fn on_queue(_id: c_int, _data: *mut c_void, _arg: *mut c_void) {
    guarded((), pump);
}

static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<Loaded>> {
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs an entry point: a panic is logged and becomes the given value.
fn guarded<R>(otherwise: R, entry: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(entry)).unwrap_or_else(|_| {
        if let Some(api) = api() {
            api.log("conference: a fault inside the module; please report the lines above");
        }
        otherwise
    })
}

/// The functions of baresip while the module is loaded. A copy, so that no lock is held while baresip runs.
fn api() -> Option<Api> {
    lock().as_ref().map(|loaded| loaded.api)
}

fn layout() -> Option<layout::Layout> {
    lock().as_ref().map(|loaded| loaded.layout)
}

/// Feeds the module and sees to it that the timer comes for what follows.
fn feed<R>(entry: impl FnOnce(&mut Module) -> R) -> Option<R> {
    let result = lock().as_mut().map(|loaded| entry(&mut loaded.module));
    arm(Some(Duration::ZERO));
    result
}

fn arm(wait: Option<Duration>) {
    let mut held = lock();
    let Some(loaded) = held.as_mut() else { return };
    let timer = loaded.timer.as_mut_ptr().cast::<c_void>();
    let api = loaded.api;
    match wait {
        Some(wait) => {
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            // SAFETY: the timer was initialised in `init` and lives until `close` cancels it.
            unsafe { api.tmr_start(timer, ms, on_timer) };
        }
        // SAFETY: as above.
        None => unsafe { (api.tmr_cancel)(timer) },
    }
}

extern "C" fn on_timer(_: *mut c_void) {
    guarded((), pump);
}

/// Carries out all that is due, until nothing more comes of it.
fn pump() {
    // A deed that fails feeds the engine again; each attempt backs off, so this ends soon.
    for _ in 0..16 {
        let deeds = lock().as_mut().map(|loaded| loaded.module.pump());
        let deeds = deeds.unwrap_or_default();
        if deeds.is_empty() {
            break;
        }
        for deed in deeds {
            perform(deed);
        }
    }
    let wait = lock().as_ref().and_then(|loaded| loaded.module.wait());
    arm(wait);
}

fn perform(deed: Deed) {
    let Some(api) = api() else { return };
    match deed {
        Deed::Subscribe {
            id,
            account,
            target,
            routes,
            event,
            expires,
            headers,
            contact,
        } => {
            let wanted = subscription::Wanted {
                account,
                target,
                routes,
                event,
                expires,
                headers,
                contact,
            };
            subscription::open(&api, id, wanted);
        }
        Deed::Request { id, text, contact } => subscription::request(&api, id, text, contact),
        Deed::Forget { id } => subscription::release(&api, id),
        Deed::Say(line) => api.log(&line),
    }
}

/// An account by its URI; the one in use where that is empty.
fn user(named: &str) -> Option<User> {
    // Called with the module's lock held, so the functions are looked up anew.
    let api = Api::find().ok()?;
    // SAFETY: a null AOR names the first account; strings of an account live as long as it does and are copied.
    unsafe {
        let aor = c_string(named);
        let ua = match api.version {
            _ if !named.is_empty() => (api.uag_find_aor)(aor.as_ptr()),
            Version::One(one) => (one.uag_current)(),
            Version::Four(_) => (api.uag_find_aor)(std::ptr::null()),
        };
        if ua.is_null() {
            return None;
        }
        let account = (api.ua_account)(ua);
        let identity = text((api.account_aor)(account))?;
        let name = text((api.account_auth_user)(account));
        let credentials = text((api.account_auth_pass)(account)).map(|password| Credentials {
            username: name.unwrap_or_else(|| user_part(&identity)),
            password: Secret::from(password),
        });
        let registers = (api.account_regint)(account) != 0;
        Some(User {
            outbound: text((api.ua_outbound)(ua)).map(|proxy| route(&proxy)),
            registered: registers.then(|| (api.ua_isregistered)(ua)),
            credentials,
            identity,
        })
    }
}

/// What stands before the `@`.
fn user_part(uri: &str) -> String {
    let bare = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    bare.split('@').next().unwrap_or_default().to_owned()
}

/// An outbound proxy as a route: a loose one, for libre knows no others.
fn route(proxy: &str) -> String {
    let uri = proxy.trim().trim_start_matches('<');
    let uri = uri.split('>').next().unwrap_or_default();
    if uri.contains(";lr") {
        uri.to_owned()
    } else {
        format!("{uri};lr")
    }
}

/// A C string, copied; none for null and for an empty one.
///
/// # Safety
/// The pointer is null or points to a string that ends in NUL.
unsafe fn text(string: Str) -> Option<String> {
    if string.is_null() {
        return None;
    }
    // SAFETY: by the contract of this function.
    let text = unsafe { CStr::from_ptr(string) }.to_string_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

fn c_string(text: &str) -> CString {
    // Headers have no NUL, configuration neither; whoever brings one gets the part before it.
    let until = text.split('\0').next().unwrap_or_default();
    CString::new(until).unwrap_or_default()
}

fn configured(api: &Api, key: &str) -> Option<String> {
    let mut buffer = [0 as c_char; 1024];
    let key = c_string(key);
    // SAFETY: the buffer is as long as is said, and conf_get_str ends it with NUL.
    let found = unsafe {
        (api.conf_get_str)(
            (api.conf_cur)(),
            key.as_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    };
    if found != 0 {
        return None;
    }
    // SAFETY: as above.
    unsafe { text(buffer.as_ptr()) }
}

extern "C" fn init() -> c_int {
    guarded(BROKEN, || {
        let api = match Api::find() {
            Ok(api) => api,
            Err(fault) => {
                api::log_anyhow(&format!(
                    "conference: not loaded, this version of baresip is not known ({fault})"
                ));
                return UNKNOWN;
            }
        };
        // SAFETY: takes nothing, gives null before the user agents are there.
        if unsafe { (api.uag_sip)().is_null() || (api.uag_sipevent_sock)().is_null() } {
            api.log("conference: loaded too early; load it by a module_app line of the configuration, not by -m");
            return INVALID;
        }
        let layout = match layout::Layout::find(&api) {
            Ok(layout) => layout,
            Err(fault) => {
                api.log(&format!(
                    "conference: not loaded, this version of libre is not known ({fault})"
                ));
                return UNKNOWN;
            }
        };
        let mut seed = [0; 32];
        if getrandom::fill(&mut seed).is_err() {
            api.log("conference: the system gives no randomness; not loaded");
            return BROKEN;
        }
        let settings = Settings::read(|key| configured(&api, key));
        let mut queue = std::ptr::null_mut();
        // SAFETY: the handler is static; `unload` releases the queue.
        let error = unsafe { (api.mqueue_alloc)(&raw mut queue, on_queue, std::ptr::null_mut()) };
        if error != 0 {
            api.log("conference: baresip gives no queue; not loaded");
            return error;
        }
        QUEUE.store(queue, Ordering::Release);
        let tap = settings.trace_tap;
        let (module, faults) = Module::new(settings, seed, Hooks { user, wake });
        for fault in faults {
            api.log(&format!("conference: {fault}"));
        }
        let mut timer = Box::new([0; TIMER_WORDS]);
        // SAFETY: the storage is larger than any struct tmr, and is not moved: it is in a box.
        unsafe { (api.tmr_init)(timer.as_mut_ptr().cast()) };
        *lock() = Some(Loaded {
            api,
            layout,
            module,
            timer,
            tap,
        });
        if tap {
            // SAFETY: the handler is static; `unload` takes it back.
            unsafe {
                (api.sip_set_trace_handler)((api.uag_sip)(), Some(on_trace), std::ptr::null_mut())
            };
        }
        // SAFETY: the handlers and the table of commands are static; `close` takes them back.
        let error = unsafe {
            let nothing = std::ptr::null_mut();
            let error = match api.version {
                Version::One(one) => (one.uag_event_register)(on_event_1, nothing),
                Version::Four(four) => (four.bevent_register)(on_event_4, nothing),
            };
            match error {
                0 => (api.cmd_register)(
                    (api.baresip_commands)(),
                    COMMANDS.0.as_ptr(),
                    COMMANDS.0.len(),
                ),
                error => error,
            }
        };
        if error != 0 {
            unload();
        }
        error
    })
}

extern "C" fn close() -> c_int {
    guarded(BROKEN, || {
        unload();
        0
    })
}

fn unload() {
    let Some(api) = api() else { return };
    // SAFETY: both may be called for what was not registered.
    unsafe {
        (api.cmd_unregister)((api.baresip_commands)(), COMMANDS.0.as_ptr());
        match api.version {
            Version::One(one) => (one.uag_event_unregister)(on_event_1),
            Version::Four(four) => (four.bevent_unregister)(on_event_4),
        }
    }
    subscription::release_all(&api);
    arm(None);
    let Some(loaded) = lock().take() else { return };
    if loaded.tap {
        // SAFETY: takes the handler back.
        unsafe {
            let sip = (api.uag_sip)();
            if !sip.is_null() {
                (api.sip_set_trace_handler)(sip, None, std::ptr::null_mut());
            }
        }
    }
    // Ends the thread of the block lists and waits for that; only then nobody wakes us any more.
    drop(loaded);
    let queue = QUEUE.swap(std::ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: made in `init`, released once; what is still in it holds no data.
    unsafe { (api.mem_deref)(queue) };
}

/// Every packet that is sent or received, before anybody else sees it.
extern "C" fn on_trace(
    sent: bool,
    _transport: c_int,
    _source: api::Const,
    _destination: api::Const,
    packet: *const u8,
    length: usize,
    _arg: *mut c_void,
) {
    guarded((), || {
        if sent || packet.is_null() {
            return;
        }
        // SAFETY: the packet is as long as is said, and lives during this call.
        let packet = unsafe { std::slice::from_raw_parts(packet, length) };
        if let Some((identity, headers)) = register_answer(packet) {
            feed(|module| module.register_answer(identity, headers));
        }
    });
}

extern "C" fn on_event_1(
    _ua: *mut c_void,
    event: c_int,
    _call: *mut c_void,
    _prm: Str,
    _arg: *mut c_void,
) {
    on_event(event);
}

extern "C" fn on_event_4(event: c_int, _object: *mut c_void, _arg: *mut c_void) {
    on_event(event);
}

fn on_event(event: c_int) {
    guarded((), || {
        let Some(api) = api() else { return };
        match api.event_name(event).as_deref() {
            Some("SHUTDOWN") => {
                feed(Module::stop);
                // The main loop may be left before the timer comes; no object of libre calls us here.
                pump();
            }
            Some("REGISTER_OK" | "REGISTER_FAIL" | "UNREGISTERING") => {
                feed(Module::registrations_changed);
            }
            _ => {}
        }
    });
}

fn typed(printf: *mut Printf, argument: *mut c_void, command: Command) -> c_int {
    guarded(BROKEN, || {
        // SAFETY: baresip gives a struct cmd_arg, whose parameter is null or a string.
        let parameter = unsafe {
            argument
                .cast::<CmdArg>()
                .as_ref()
                .and_then(|arg| text(arg.prm))
        };
        let answer =
            feed(|module| command::run(module, command, parameter.as_deref().unwrap_or_default()));
        if let (Some(api), Some(answer)) = (api(), answer) {
            api.print(printf, &answer);
        }
        0
    })
}

/// The command takes a parameter (`CMD_PRM`).
const WITH_PARAMETER: c_int = 1;

macro_rules! commands {
    ($($name:ident $text:literal $flags:expr, $command:ident $description:literal;)*) => {
        $(extern "C" fn $name(printf: *mut Printf, argument: *mut c_void) -> c_int {
            typed(printf, argument, Command::$command)
        })*

        static COMMANDS: Commands<{ [$($text),*].len() }> =
            Commands([$(Cmd::new($text, $flags, $description, $name),)*]);
    };
}

struct Commands<const N: usize>([Cmd; N]);

// SAFETY: nothing in it is ever written.
unsafe impl<const N: usize> Sync for Commands<N> {}

commands! {
    on_watch c"conf_watch" WITH_PARAMETER, Watch c"Watch who is in a conference";
    on_list c"conf_list" 0, List c"List who is in the conferences";
    on_leave c"conf_leave" WITH_PARAMETER, Leave c"Leave a conference, or all";
    on_block c"conf_block" WITH_PARAMETER, Block c"Put somebody on the block list";
    on_unblock c"conf_unblock" WITH_PARAMETER, Unblock c"Take somebody off the block list";
    on_blocked c"conf_blocked" 0, Blocked c"List who is blocked";
    on_mode c"conf_mode" WITH_PARAMETER, Mode c"Show or set the kind of SIP core: sip, ims, auto";
    on_refresh c"conf_refresh" 0, Refresh c"Ask servers and block lists anew";
}

/// What baresip looks for in the file; the name must be the file's.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub(crate) static exports: ModExport = ModExport::new(c"conference", c"application", init, close);
