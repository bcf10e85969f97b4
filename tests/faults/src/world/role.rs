//! The roles of the binary, each a process of its own.

/// A role of the binary. Further rules processes are roles of their own here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `homeroom ingestion`.
    Ingestion,
    /// `homeroom rules`.
    Rules,
    /// Another `homeroom rules`.
    SecondRules,
    /// A third.
    ThirdRules,
    /// A fourth.
    FourthRules,
    /// `homeroom notification`.
    Notification,
    /// `homeroom channel webhook`.
    Webhook,
}

impl Role {
    /// Those that every world begins with.
    pub const ALL: [Self; 4] = [Self::Ingestion, Self::Rules, Self::Notification, Self::Webhook];
    /// As many rules processes as there are partitions.
    pub const RULES: [Self; 4] = [Self::Rules, Self::SecondRules, Self::ThirdRules, Self::FourthRules];

    /// What it is called in words and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingestion => "ingestion",
            Self::Rules => "rules",
            Self::SecondRules => "second-rules",
            Self::ThirdRules => "third-rules",
            Self::FourthRules => "fourth-rules",
            Self::Notification => "notification",
            Self::Webhook => "webhook",
        }
    }

    pub(super) fn command(self) -> &'static [&'static str] {
        match self {
            Self::Ingestion => &["ingestion"],
            Self::Rules | Self::SecondRules | Self::ThirdRules | Self::FourthRules => &["rules"],
            Self::Notification => &["notification"],
            Self::Webhook => &["channel", "webhook"],
        }
    }
}
