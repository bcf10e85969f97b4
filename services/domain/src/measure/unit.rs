//! What the values of measures count, and how people read them.

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Hundredths of a school day.
    DayHundredths,
    /// School days.
    Days,
    /// Courses (sections).
    Courses,
    /// An ordinal.
    Tier,
    /// 0 or 1.
    Flag,
    /// Hundredths of a percent.
    PercentHundredths,
    /// Minutes.
    Minutes,
    /// Schools.
    Schools,
    /// Hundredths of a grade point.
    GradePointHundredths,
    /// Thousandths of a credit.
    CreditThousandths,
    /// Whole things, by their name.
    Of(&'static str),
}

impl Unit {
    /// As proofs and exports say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DayHundredths => "hundredths of a day",
            Self::Days => "days",
            Self::Courses => "courses",
            Self::Tier => "tier",
            Self::Flag => "0 or 1",
            Self::PercentHundredths => "hundredths of a percent",
            Self::Minutes => "minutes",
            Self::Schools => "schools",
            Self::GradePointHundredths => "hundredths of a grade point",
            Self::CreditThousandths => "thousandths of a credit",
            Self::Of(things) => things,
        }
    }

    /// A value in words a person reads: days with up to two decimals, others as they are.
    pub fn show(self, value: i64) -> String {
        match self {
            Self::DayHundredths | Self::GradePointHundredths => decimals(value),
            Self::CreditThousandths => thousandths(value),
            Self::PercentHundredths => format!("{}%", decimals(value)),
            Self::Days | Self::Courses | Self::Tier | Self::Flag | Self::Minutes | Self::Schools | Self::Of(_) => {
                value.to_string()
            }
        }
    }
}

/// A count of hundredths as a decimal number without trailing zeros.
pub fn decimals(hundredths: impl Into<i128>) -> String {
    let hundredths = hundredths.into();
    let (whole, rest) = (hundredths / 100, (hundredths % 100).abs());
    let sign = if hundredths < 0 && whole == 0 { "-" } else { "" };
    match rest {
        0 => format!("{whole}"),
        rest if rest % 10 == 0 => format!("{sign}{whole}.{}", rest / 10),
        rest => format!("{sign}{whole}.{rest:02}"),
    }
}

/// A count of thousandths as a decimal number without trailing zeros.
fn thousandths(value: i64) -> String {
    let (sign, size) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    let text = format!("{sign}{}.{:03}", size / 1_000, size % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
