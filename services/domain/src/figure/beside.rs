//! What several measures beside attendance are counted from, each counted when it is first asked for. They are of the student as a
//! whole, at whatever school, so the rows of a student share it.

use std::cell::OnceCell;

use crate::behavior::Conduct;
use crate::connection::Connections;
use crate::course::credit::Credits;
use crate::course::gradebook::Gradebook;
use crate::date::Date;
use crate::evaluation::Evaluation;

/// What is said of a student beside attendance, up to a date.
pub(crate) struct Beside<'e, 'a> {
    pub(crate) evaluation: &'e Evaluation<'a>,
    pub(crate) as_of: Date,
    credits: OnceCell<Credits>,
    gradebook: OnceCell<Gradebook>,
    conduct: OnceCell<Conduct>,
    connections: OnceCell<Connections>,
}

impl<'e, 'a> Beside<'e, 'a> {
    pub(crate) fn new(evaluation: &'e Evaluation<'a>, as_of: Date) -> Self {
        Self {
            evaluation,
            as_of,
            credits: OnceCell::new(),
            gradebook: OnceCell::new(),
            conduct: OnceCell::new(),
            connections: OnceCell::new(),
        }
    }

    pub(crate) fn credits(&self) -> &Credits {
        self.credits.get_or_init(|| Credits::of(self.evaluation, self.as_of))
    }

    pub(crate) fn gradebook(&self) -> &Gradebook {
        self.gradebook.get_or_init(|| Gradebook::of(self.evaluation, self.as_of))
    }

    pub(crate) fn conduct(&self) -> &Conduct {
        self.conduct.get_or_init(|| Conduct::of(self.evaluation, self.as_of))
    }

    pub(crate) fn connections(&self) -> &Connections {
        self.connections.get_or_init(|| Connections::of(self.evaluation, self.as_of))
    }
}
