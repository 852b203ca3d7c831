//! What was done to a URI to find the identity it names: the answer to "why do these match".

/// One step of normalisation, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Escapes of characters that need none were undone (URI-02).
    PercentDecoding,
    /// The host was put in lower case (URI-02).
    HostCase,
    /// The port was the scheme's own (URI-04).
    DefaultPort,
    /// Another port was dropped (URI-04).
    StripPort,
    /// Parameters or headers were dropped (URI-03, URI-12).
    StripParams,
    /// A public GRUU was reduced to its address of record (URI-19).
    StripGruu,
    /// A password was dropped (URI-06).
    StripPassword,
    /// sips, im or pres was read as sip (URI-05, URI-17).
    SchemeClass,
    /// Separators or case of a phone number were evened out (URI-09, URI-15).
    PhoneDigits,
    /// `user=phone`: the user part is a phone number (URI-13).
    UserPhone,
    /// A user part that is a global number was read as that number (URI-14).
    PlusUser,
    /// A scheme was supplied (URI-18).
    MissingScheme,
    /// The dot at the host's end was dropped (URI-07).
    TrailingDot,
    /// An internationalised host was put in its ASCII form (URI-07).
    Idn,
    /// An IPv6 address was put in its shortest form (URI-07).
    Ipv6,
}

impl Step {
    const ALL: [Self; 15] = [
        Self::PercentDecoding,
        Self::HostCase,
        Self::DefaultPort,
        Self::StripPort,
        Self::StripParams,
        Self::StripGruu,
        Self::StripPassword,
        Self::SchemeClass,
        Self::PhoneDigits,
        Self::UserPhone,
        Self::PlusUser,
        Self::MissingScheme,
        Self::TrailingDot,
        Self::Idn,
        Self::Ipv6,
    ];

    /// Name as printed by the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PercentDecoding => "percent-decoding",
            Self::HostCase => "host-case",
            Self::DefaultPort => "default-port",
            Self::StripPort => "strip-port",
            Self::StripParams => "strip-params",
            Self::StripGruu => "strip-gruu",
            Self::StripPassword => "strip-password",
            Self::SchemeClass => "scheme-class",
            Self::PhoneDigits => "phone-digits",
            Self::UserPhone => "user-phone",
            Self::PlusUser => "plus-user",
            Self::MissingScheme => "missing-scheme",
            Self::TrailingDot => "trailing-dot",
            Self::Idn => "idn",
            Self::Ipv6 => "ipv6",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps(u16);

impl Steps {
    /// Adds a step.
    pub const fn insert(&mut self, step: Step) {
        self.0 |= step.bit();
    }

    pub(super) const fn insert_if(&mut self, step: Step, done: bool) {
        if done {
            self.insert(step);
        }
    }

    /// True when the step was done.
    #[must_use]
    pub const fn contains(self, step: Step) -> bool {
        self.0 & step.bit() != 0
    }

    /// Steps of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True without any step.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The steps, in the order of [`Step`].
    pub fn iter(self) -> impl Iterator<Item = Step> {
        Step::ALL
            .into_iter()
            .filter(move |&step| self.contains(step))
    }

    /// The names of the steps, in the order of [`Step`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Step::as_str)
    }
}
