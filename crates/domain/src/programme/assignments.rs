//! What happens to trainings by itself: assigned on joining and on a change of roles, asked again
//! ahead of their end, ended with the course or when the person leaves.
//!
//! The kernel runs these as jobs. Nothing is written where nothing is to be done.

use super::courses::Course;
use super::own;
use super::trainings::{self, RENEW, Training};
use crate::catalogue::{CURRENT, Catalogue, Parameters};
use crate::register::{self, Day, House, Kept, Mark, Row, Survey, When, act};
use kernel::authority::{Authority, Principal};
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Kind, Operation, Ran, RecordKey, Result, Target, Work,
    on_house,
};
use std::collections::BTreeSet;
use std::sync::Arc;

act!(
    /// Assigning what is missing, and ending what has no ground any more.
    Settled, "training.settle", None, true
);
act!(
    /// Asking for a training again, ahead of its end.
    Renewed, "training.renew", None, true
);

/// Rows that one run changes; the rest is for the next. Each is an entry in the same commit.
const MOST: usize = 200;

/// Who has to take which course and has not been told: course and `person:NAME`.
pub fn due_assignments(house: &House, rights: &Authority) -> Vec<(String, String)> {
    let people: Vec<Arc<Principal>> = rights.principals();
    let own = people.iter().filter(|one| own(one)).map(|one| (one.id.as_str(), &*one.roles));
    missing(house, own)
}

/// As [`due_assignments`], of these people with these roles.
pub fn missing<'a>(
    house: &House,
    people: impl Iterator<Item = (&'a str, &'a [String])>,
) -> Vec<(String, String)> {
    let rows = house.all::<Training>().iter();
    let have: BTreeSet<(&str, &str)> =
        rows.map(|kept| (kept.row.course.as_str(), kept.row.person.as_str())).collect();
    let mut people: Vec<_> = people.collect();
    people.sort_unstable();
    let taught = house.all::<Course>().iter().filter(|kept| kept.row.taught());
    let each = taught.flat_map(|course| {
        let asked = people.iter().filter(|(_, roles)| course.row.addresses(roles));
        let lacking = asked.filter(|(id, _)| !have.contains(&(course.id.as_str(), *id)));
        lacking.map(|(id, _)| (course.id.clone(), (*id).to_owned()))
    });
    each.collect()
}

/// Trainings that have no ground any more: the course is retired or the person has left.
fn groundless<'a>(house: &'a House, rights: &Authority) -> Vec<&'a Kept<Training>> {
    let stands = |kept: &&Kept<Training>| {
        let course = house.one::<Course>(&kept.row.course);
        let person = PrincipalId::parse(&kept.row.person).ok().and_then(|id| rights.principal(&id));
        course.is_some_and(|course| course.row.retired.is_none())
            && person.is_some_and(|person| own(&person))
    };
    let live = house.all::<Training>().iter().filter(|kept| kept.row.ended.is_none());
    live.filter(|kept| !stands(kept)).collect()
}

/// Assigns what is missing and ends what has no ground.
struct Settle {
    kernel: Kernel,
    survey: Survey,
    catalogue: RecordKey,
    /// Whether it is an entry too if there was nothing to do: a job has to end in one.
    always: bool,
}

/// What [`Settle`] says if there is nothing to do and no job to end.
const NOTHING: &str = "every training is assigned";

/// Runs what follows from a change of people, roles or courses. With `always` it is an entry even
/// if nothing was to be done, as the end of a job needs one.
///
/// # Errors
/// Whatever the kernel answers.
pub fn settle(kernel: &Kernel, right: Ran, always: bool) -> Result<()> {
    let survey = Survey::of(kernel, &[])?;
    let survey = survey.and::<Kept<Course>>(kernel)?.and::<Kept<Training>>(kernel)?;
    let catalogue = register::key::<Kept<Catalogue>>(kernel, CURRENT)?;
    let operation = Settle { kernel: kernel.clone(), survey, catalogue, always };
    right.run(kernel, operation).or_else(|error| match error.kind() {
        Kind::Conflict if error.message() == NOTHING => Ok(()),
        _ => Err(error),
    })
}

impl Operation for Settle {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Settled::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.survey.wants(wants);
        wants.record(&self.catalogue);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let house = self.survey.find(work)?.read(work)?;
        if !house.cut.is_empty() {
            return Err(Error::limit("there are too many trainings to settle them at once"));
        }
        let numbers = numbers(work, &self.catalogue)?;
        let mark = Mark { by: work.caller().principal.to_string(), at: When(work.now()) };
        let mut rows: Vec<Kept<Training>> = Vec::new();
        for (course, person) in due_assignments(&house, work.rights()?) {
            let row = trainings::fresh(&course, &person, work.now(), &numbers);
            let (id, format) = (trainings::id_of(&course, &person)?, Training::FORMAT.to_owned());
            rows.push(Kept { format, id, added: mark.clone(), row });
        }
        for kept in groundless(&house, work.rights()?) {
            let mut kept = kept.clone();
            kept.row.ended = Some(mark.clone());
            rows.push(kept);
        }
        if rows.is_empty() && !self.always {
            return Err(Error::conflict(NOTHING));
        }
        if rows.is_empty() {
            work.note(HOUSE, Settled::ACTION.name, vec![("settled", "0".to_owned())]);
        }
        for kept in rows.into_iter().take(MOST) {
            let key = register::key::<Kept<Training>>(&self.kernel, &kept.id)?;
            let ended = kept.row.ended.is_some();
            let allowed = match ended {
                true => work.load_late::<Settled>(&key)?,
                false => work.load::<Settled>(&key)?,
            };
            let what = if ended { "ended" } else { "assigned" };
            work.save(allowed, register::body(&kept)?, vec![("outcome", what.to_owned())])?;
        }
        Ok(After::now(()))
    }
}

fn numbers(work: &Work<'_>, catalogue: &RecordKey) -> Result<Parameters> {
    let kept = work.look(catalogue)?.map(|body| register::parse::<Kept<Catalogue>>(&body));
    Ok(kept.transpose()?.map(|kept| kept.row.parameters).unwrap_or_default())
}

/// Asks for a training again.
pub struct Renew {
    key: RecordKey,
    course: RecordKey,
    catalogue: RecordKey,
}

impl Renew {
    /// The training of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self {
            key: register::key::<Kept<Training>>(kernel, id)?,
            course: register::key::<Kept<Course>>(kernel, trainings::course_of(id))?,
            catalogue: register::key::<Kept<Catalogue>>(kernel, CURRENT)?,
        })
    }
}

impl Operation for Renew {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Renewed::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        for key in [&self.key, &self.course, &self.catalogue] {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Training>, Renewed>(work, &self.key)?;
        let numbers = numbers(work, &self.catalogue)?;
        let course = work.look(&self.course)?;
        let course = course.map(|body| register::parse::<Kept<Course>>(&body)).transpose()?;
        let today = Day::of(work.now());
        let row = &mut kept.row;
        // Taken again since, or ended: then a later job will come, or none.
        let soon = today.plus(numbers.training_days);
        let again = row.ended.is_none()
            && row.due.is_none()
            && row.done.as_ref().is_some_and(|done| done.valid_to <= soon)
            && course.is_some_and(|course| course.row.retired.is_none());
        let Some(done) = row.done.as_ref().filter(|_| again) else {
            work.note(HOUSE, RENEW, vec![("kept", self.key.id.clone())]);
            return Ok(After::now(()));
        };
        // A server that stood still for long gives nobody less time than was promised.
        let due = done.valid_to.max(soon);
        row.ask_again(due, &numbers);
        work.save(allowed, register::body(&kept)?, vec![("due", due.to_string())])?;
        Ok(After::now(()))
    }
}
