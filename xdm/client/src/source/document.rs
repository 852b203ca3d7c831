//! What a document comes to, with what it refers to: resource-lists and rules read by one loop (XDM-33, XDM-45…52, XDM-62).

use std::collections::HashMap;
use std::sync::Arc;

use rollmark_core::blocklist::BlockList;
use rollmark_core::blocklist::rules::{Members, RuleSet};

use crate::client::Target;
use crate::resource_lists::{self, MAX_FETCHES, Options, Resolution};
use crate::rules::{self, RulesError};
use crate::selector::XcapRoot;

/// A document being read.
pub(super) enum Reader {
    Lists(Box<Resolution>),
    Rules(Box<Rules>),
}

/// Rules whose external lists are being fetched.
pub(super) struct Rules {
    set: RuleSet,
    options: Options,
    root: XcapRoot,
    allowed: Vec<XcapRoot>,
    /// Anchors not looked at yet.
    anchors: Vec<Arc<str>>,
    /// The list that is being fetched.
    current: Option<(Arc<str>, Resolution)>,
    members: HashMap<Arc<str>, Members>,
    fetches: usize,
}

impl Reader {
    /// Begins with a document. What it is, its root element tells, wherever it was found.
    pub(super) fn begin(
        octets: &[u8],
        options: Options,
        root: XcapRoot,
        allowed: Vec<XcapRoot>,
    ) -> Result<Self, RulesError> {
        let set = match rules::parse(octets) {
            Ok(set) => set,
            Err(RulesError::Document(resource_lists::DocumentError::Root { .. })) => {
                let resolution = Resolution::begin(octets, options, root, allowed)?;
                return Ok(Self::Lists(Box::new(resolution)));
            }
            Err(error) => return Err(error),
        };
        let mut anchors: Vec<Arc<str>> = Vec::new();
        for list in set.external_lists() {
            if list.members.is_none() && !anchors.contains(&list.anchor) {
                anchors.push(list.anchor.clone());
            }
            if anchors.len() > MAX_FETCHES {
                break; // no more than so many are fetched
            }
        }
        anchors.reverse();
        Ok(Self::Rules(Box::new(Rules {
            set,
            options,
            root,
            allowed,
            anchors,
            current: None,
            members: HashMap::new(),
            fetches: 0,
        })))
    }

    /// What to fetch next; none when there is nothing left that may be fetched.
    pub(super) fn next_target(&mut self) -> Option<Target> {
        match self {
            Self::Lists(resolution) => resolution.next_target(),
            Self::Rules(rules) => rules.next_target(),
        }
    }

    /// Takes what came; none if it could not be had.
    pub(super) fn take(&mut self, fragment: Option<&[u8]>) {
        match self {
            Self::Lists(resolution) => resolution.take(fragment),
            Self::Rules(rules) => {
                if let Some((_, resolution)) = &mut rules.current {
                    resolution.take(fragment);
                }
            }
        }
    }

    /// Takes an earlier copy of what cannot be had now.
    pub(super) fn take_old(&mut self, fragment: &[u8]) {
        match self {
            Self::Lists(resolution) => resolution.take_old(fragment),
            Self::Rules(rules) => {
                if let Some((_, resolution)) = &mut rules.current {
                    resolution.take_old(fragment);
                }
            }
        }
    }

    /// The block list as far as it is known.
    pub(super) fn finish(self) -> BlockList {
        match self {
            Self::Lists(resolution) => resolution.finish(),
            Self::Rules(rules) => rules.finish(),
        }
    }
}

impl Rules {
    fn next_target(&mut self) -> Option<Target> {
        loop {
            if self.fetches == MAX_FETCHES {
                return None;
            }
            if let Some((_, resolution)) = &mut self.current
                && let Some(target) = resolution.next_target()
            {
                self.fetches += 1;
                return Some(target);
            }
            self.keep_current();
            let anchor = self.anchors.pop()?;
            let resolution = Resolution::of_list(
                &anchor,
                self.options.clone(),
                self.root.clone(),
                self.allowed.clone(),
            );
            // An anchor that leads nowhere is a list that nobody knows.
            self.current = resolution.map(|resolution| (anchor, resolution));
        }
    }

    fn keep_current(&mut self) {
        if let Some((anchor, resolution)) = self.current.take() {
            self.members
                .insert(anchor, rules::members(&resolution.finish()));
        }
    }

    fn finish(mut self) -> BlockList {
        self.keep_current();
        for list in self.set.external_lists_mut() {
            if list.members.is_none() {
                list.members = self.members.get(&list.anchor).cloned();
            }
        }
        BlockList {
            entries: Vec::new(),
            complete: true,
            rules: Some(Arc::new(self.set)),
        }
    }
}
