//! What a rule of a noun sees: the moment, who acts, and the other rows it named.

use super::row::{Kept, Mark, Row, When};
use super::{Noun, body, parse};
use kernel::authority::{Authority, Principal};
use kernel::id::PrincipalId;
use kernel::{Content, Error, Kernel, Moment, RecordKey, Result, Work};
use std::sync::Arc;
use std::time::Duration;

/// What a rule of a noun sees and asks for besides its own row.
pub struct At<'a, 'w> {
    work: &'a mut Work<'w>,
    kernel: &'a Kernel,
    id: &'a str,
    needs: &'a [RecordKey],
    change: bool,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) saves: Vec<(RecordKey, Content)>,
    pub(super) jobs: Vec<(Moment, &'static str, String)>,
}

/// What a rule tells, saves and leaves to be done.
type Effects =
    (Vec<(&'static str, String)>, Vec<(RecordKey, Content)>, Vec<(Moment, &'static str, String)>);

impl<'a, 'w> At<'a, 'w> {
    pub(super) fn new(
        work: &'a mut Work<'w>,
        kernel: &'a Kernel,
        id: &'a str,
        needs: &'a [RecordKey],
    ) -> Self {
        let (fields, saves, jobs) = (vec![], vec![], vec![]);
        Self { work, kernel, id, needs, change: false, fields, saves, jobs }
    }

    /// The one moment of this operation.
    pub fn now(&self) -> Moment {
        self.work.now()
    }

    /// The id of the row that is added or changed.
    pub fn id(&self) -> &str {
        self.id
    }

    /// Who acts.
    pub fn by(&self) -> &PrincipalId {
        &self.work.caller().principal
    }

    /// The network address the request came from, as entries name it.
    pub fn source(&self) -> Option<&str> {
        self.work.source()
    }

    /// Who acts and when, as rows keep it.
    pub fn mark(&self) -> Mark {
        Mark { by: self.by().to_string(), at: When(self.now()) }
    }

    /// The live rights.
    ///
    /// # Errors
    /// `Internal` while a store is founded.
    pub fn rights(&self) -> Result<&Authority> {
        self.work.rights()
    }

    /// An active person of the provider, by `person:NAME`.
    ///
    /// # Errors
    /// `Invalid` with the field if it is none.
    pub fn person(&self, field: &'static str, id: &str) -> Result<Arc<Principal>> {
        let known = PrincipalId::parse(id).ok().and_then(|id| self.rights().ok()?.principal(&id));
        known.filter(|one| one.active && one.id.parts().0 == "person").ok_or_else(|| {
            let id = kernel::id::shown(id);
            Error::invalid(field, format!("`{id}` is no active person: write `person:NAME`"))
        })
    }

    /// Active people of the provider who hold one of these roles.
    ///
    /// # Errors
    /// `Internal` while a store is founded.
    pub fn holders(&self, roles: &[&str]) -> Result<usize> {
        let has = |one: &Arc<Principal>| {
            one.active
                && one.vendor.is_none()
                && one.id.parts().0 == "person"
                && one.roles.iter().any(|role| roles.contains(&role.as_str()))
        };
        Ok(self.rights()?.principals().iter().filter(|one| has(one)).count())
    }

    /// Refuses the second of two signatures that have to be of two people, and says plainly when
    /// the team is too small for that.
    ///
    /// # Errors
    /// `Forbidden` if `first` is who acts now.
    pub fn another_than(&self, first: &str, roles: &[&str], what: &str) -> Result<()> {
        if self.by().as_str() != first {
            return Ok(());
        }
        let why = match self.holders(roles)? {
            0 | 1 => format!(
                "and nobody else holds a role for it: give another person one of `{}`",
                roles.join("`, `")
            ),
            _ => "ask another person".to_owned(),
        };
        Err(Error::forbidden(format!(
            "{what} takes two people, and `{first}` is one already: {why}"
        )))
    }

    /// Whether this is the part of a change that others approved.
    pub fn is_change(&self) -> bool {
        self.change
    }

    /// The rule of another row, as a part of this operation: what it saves and leaves to be done is
    /// saved and left with this one, and what it tells stands in this entry where nothing of that
    /// name does.
    ///
    /// # Errors
    /// Whatever the rule answers.
    pub fn part<T>(
        &mut self,
        id: &str,
        rule: impl FnOnce(&mut At<'_, 'w>) -> Result<T>,
    ) -> Result<T> {
        let (answer, (fields, saves, jobs)) = self.apart(id, rule)?;
        for (name, value) in fields {
            if self.fields.iter().all(|(told, _)| *told != name) {
                self.fields.push((name, value));
            }
        }
        self.saves.extend(saves);
        self.jobs.extend(jobs);
        Ok(answer)
    }

    /// As [`At::part`], without an effect: to see whether the rule would do it.
    ///
    /// # Errors
    /// Whatever the rule answers.
    pub fn trial<T>(
        &mut self,
        id: &str,
        rule: impl FnOnce(&mut At<'_, 'w>) -> Result<T>,
    ) -> Result<T> {
        self.apart(id, rule).map(|(answer, _)| answer)
    }

    fn apart<T>(
        &mut self,
        id: &str,
        rule: impl FnOnce(&mut At<'_, 'w>) -> Result<T>,
    ) -> Result<(T, Effects)> {
        let mut part = At { change: true, ..At::new(&mut *self.work, self.kernel, id, &[]) };
        let answer = rule(&mut part)?;
        Ok((answer, (part.fields, part.saves, part.jobs)))
    }

    /// The index the next entry of an account will get.
    ///
    /// # Errors
    /// `Internal` if the account was not declared.
    pub fn next_index(&self, account: u64) -> Result<u64> {
        self.work.next_index(account)
    }

    /// Fresh random bytes.
    ///
    /// # Errors
    /// `Unavailable` if the source fails.
    pub fn random<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.work.random()
    }

    /// A row that only the row at hand names, so that it could not be named as a need.
    ///
    /// # Errors
    /// `Internal` if it does not open.
    pub fn late<M: Row>(&self, id: &str) -> Result<Option<Kept<M>>> {
        self.late_noun::<Kept<M>>(id)
    }

    /// As [`At::late`], for nouns with a stored form of their own.
    ///
    /// # Errors
    /// `Internal` if it does not open.
    pub fn late_noun<M: Noun>(&self, id: &str) -> Result<Option<M>> {
        let key = super::key::<M>(self.kernel, id)?;
        self.work.look_late(&key)?.map(|bytes| parse(&bytes)).transpose()
    }

    /// Another row as it stands; it has to be among the needs.
    ///
    /// # Errors
    /// `Internal` if it was not named as a need.
    pub fn find<M: Row>(&self, id: &str) -> Result<Option<Kept<M>>> {
        self.find_noun::<Kept<M>>(id)
    }

    /// As [`At::find`], for nouns with a stored form of their own.
    ///
    /// # Errors
    /// `Internal` if it was not named as a need.
    pub fn find_noun<M: Noun>(&self, id: &str) -> Result<Option<M>> {
        let key = self.need::<M>(id)?;
        self.work.look(key)?.map(|bytes| parse(&bytes)).transpose()
    }

    /// As [`At::find`], where it has to be there.
    ///
    /// # Errors
    /// `Invalid` with the field that names it.
    pub fn named<M: Row>(&self, field: &'static str, id: &str) -> Result<Kept<M>> {
        let missing = || {
            Error::invalid(field, format!("there is no {} `{}`", M::NOUN, kernel::id::shown(id)))
        };
        let found = self.find::<M>(id)?.ok_or_else(missing)?;
        match super::readers::may(self.work, &found)? {
            true => Ok(found),
            false => Err(missing()),
        }
    }

    /// Saves another row, in the same commit and under the same action. One is saved once.
    ///
    /// # Errors
    /// `Internal` if it has no JSON form.
    pub fn save<M: Row>(&mut self, row: &Kept<M>) -> Result<()> {
        self.save_noun(&row.id, row)
    }

    /// As [`At::save`], for nouns with a stored form of their own.
    ///
    /// # Errors
    /// `Internal` if it has no JSON form.
    pub fn save_noun<M: Noun>(&mut self, id: &str, row: &M) -> Result<()> {
        let key = super::key::<M>(self.kernel, id)?;
        let content = body(row)?;
        self.saves.push((key, content));
        Ok(())
    }

    /// A new row of another register, to be saved.
    pub fn fresh<M: Row>(&self, id: &str, row: M) -> Kept<M> {
        Kept { format: M::FORMAT.to_owned(), id: id.to_owned(), added: self.mark(), row }
    }

    /// Adds a field to the entry.
    pub fn tell(&mut self, name: &'static str, value: impl Into<String>) {
        self.fields.push((name, value.into()));
    }

    /// Leaves something to be done later, with the right of this operation.
    pub fn later(&mut self, due: Moment, kind: &'static str, object: impl Into<String>) {
        self.jobs.push((due, kind, object.into()));
    }

    /// The moment so many days from now.
    pub fn in_days(&self, days: u32) -> Moment {
        self.now().after(Duration::from_secs(u64::from(days) * 86_400))
    }

    fn need<M: Noun>(&self, id: &str) -> Result<&RecordKey> {
        let found = self.needs.iter().find(|key| key.collection == M::REGISTER && key.id == id);
        found.ok_or_else(|| {
            Error::internal(format!("`{}/{id}` was not named as a need", M::REGISTER))
        })
    }
}

/// A text of one line: 1 to `most` bytes, no control characters.
///
/// # Errors
/// `Invalid` with the field.
pub fn line(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let rule = format!("write 1 to {most} bytes on one line");
        return Err(Error::invalid(field, rule));
    }
    Ok(text.to_owned())
}

/// As [`line`], of several lines.
///
/// # Errors
/// `Invalid` with the field.
pub fn prose(field: &'static str, text: &str, most: usize) -> Result<String> {
    let control = |c: char| c.is_control() && c != '\n' && c != '\t' && c != '\r';
    if text.trim().is_empty() || text.len() > most || text.chars().any(control) {
        let rule = format!("write 1 to {most} bytes without control characters");
        return Err(Error::invalid(field, rule));
    }
    Ok(text.replace("\r\n", "\n"))
}
