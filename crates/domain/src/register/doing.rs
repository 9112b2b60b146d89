//! Adding a row, and taking a step with one, as operations of the kernel.

use super::at::At;
use super::row::{Adding, Kept, Needs, Row, Shown, Step, Stepping};
use super::{body, key, load};
use kernel::engine::Wants;
use kernel::id::{Name, RecordId};
use kernel::{
    Act, After, Allowed, Error, HOUSE, Kernel, Operation, RecordKey, Replay, Result, Target, Work,
    on_house,
};
use serde_json::{Value, json};

/// Adds a row.
pub struct Add<N: Row> {
    kernel: Kernel,
    new: N::New,
    key: RecordKey,
    needs: Vec<RecordKey>,
}

impl<N: Row> Add<N> {
    /// As stated; `random` makes the id where none is chosen.
    ///
    /// # Errors
    /// `Invalid` for an id or a reference that is none.
    pub fn new(kernel: &Kernel, new: N::New, random: [u8; 16]) -> Result<Self> {
        let id = match N::id(&new) {
            Some(id) if N::COMPOSED => RecordId::parse(id)?.to_string(),
            Some(id) => Name::parse(id)?.to_string(),
            None => format!("{}-{:012x}", N::NOUN, u128::from_be_bytes(random) >> 80),
        };
        let mut needs = Needs::new(kernel);
        N::needs(&new, &mut needs)?;
        Ok(Self {
            kernel: kernel.clone(),
            new,
            key: key::<Kept<N>>(kernel, &id)?,
            needs: needs.keys,
        })
    }
}

impl<N: Row> Operation for Add<N> {
    type Output = Shown<N>;

    fn target(&self) -> Target {
        on_house(Adding::<N>::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        Needs::declare(&self.needs, wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Shown<N>>> {
        let allowed = work.load::<Adding<N>>(&self.key)?;
        if allowed.version() > 0 {
            let (noun, id) = (N::NOUN, &self.key.id);
            let why = format!("{noun} `{id}` exists or existed: choose another name");
            return Err(Error::conflict(why));
        }
        let mut at = At::new(work, &self.kernel, &self.key.id, &self.needs);
        let row = N::add(&self.new, &mut at)?;
        let kept = at.fresh(&self.key.id, row);
        finish(at.into(), work, allowed, &kept)
    }
}

/// Takes a step with a row.
pub struct Do<N: Row, S: Step<N>> {
    kernel: Kernel,
    step: S,
    key: RecordKey,
    needs: Vec<RecordKey>,
    noun: std::marker::PhantomData<N>,
}

impl<N: Row, S: Step<N>> Do<N, S> {
    /// With the row of this id.
    ///
    /// # Errors
    /// `Invalid` for a reference that is none.
    pub fn new(kernel: &Kernel, id: &str, step: S) -> Result<Self> {
        let mut needs = Needs::new(kernel);
        step.needs(id, &mut needs)?;
        let (kernel, needs, noun) = (kernel.clone(), needs.keys, std::marker::PhantomData);
        Ok(Self { step, key: key::<Kept<N>>(&kernel, id)?, kernel, needs, noun })
    }
}

impl<N: Row, S: Step<N>> Operation for Do<N, S> {
    type Output = Shown<N>;

    fn target(&self) -> Target {
        on_house(Stepping::<N, S>::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        Needs::declare(&self.needs, wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Shown<N>>> {
        let (allowed, mut kept) = load::<Kept<N>, Stepping<N, S>>(work, &self.key)?;
        let mut at = At::new(work, &self.kernel, &self.key.id, &self.needs);
        self.step.apply(&mut kept.row, &mut at)?;
        finish(at.into(), work, allowed, &kept)
    }
}

/// What a rule asked for, once it let go of the work.
struct Asked {
    fields: Vec<(&'static str, String)>,
    saves: Vec<(RecordKey, kernel::Content)>,
    jobs: Vec<(kernel::Moment, &'static str, String)>,
}

impl From<At<'_, '_>> for Asked {
    fn from(at: At<'_, '_>) -> Self {
        Self { fields: at.fields, saves: at.saves, jobs: at.jobs }
    }
}

fn finish<N: Row, A: Act>(
    asked: Asked,
    work: &mut Work<'_>,
    allowed: Allowed<A>,
    kept: &Kept<N>,
) -> Result<After<Shown<N>>> {
    work.save(allowed, body(kept)?, asked.fields)?;
    for (key, content) in asked.saves {
        let allowed = work.load_late::<A>(&key)?;
        work.save(allowed, content, vec![])?;
    }
    for (due, kind, object) in asked.jobs {
        work.later(due, HOUSE, kind, &object);
    }
    Ok(After::now(Shown::at(kept.clone(), work.now())))
}

/// An operation on a register whose types are known only to its noun.
pub struct Boxed(Box<dyn Operation<Output = Value>>);

impl Boxed {
    /// Any operation whose answer has a JSON form.
    pub fn new<O: Operation>(operation: O, noun: &'static str) -> Self
    where
        O::Output: serde::Serialize,
    {
        Self(Box::new(Erased { operation, noun }))
    }
}

impl Operation for Boxed {
    type Output = Value;

    fn target(&self) -> Target {
        self.0.target()
    }

    fn wants(&self, wants: &mut Wants) {
        self.0.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Value>> {
        self.0.execute(work)
    }

    fn replay(&self, first: &Replay) -> Result<Value> {
        self.0.replay(first)
    }

    fn weight(&self) -> usize {
        self.0.weight()
    }
}

struct Erased<O> {
    operation: O,
    noun: &'static str,
}

impl<O: Operation> Operation for Erased<O>
where
    O::Output: serde::Serialize,
{
    type Output = Value;

    fn target(&self) -> Target {
        self.operation.target()
    }

    fn wants(&self, wants: &mut Wants) {
        self.operation.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Value>> {
        let noun = self.noun;
        Ok(self.operation.execute(work)?.try_map(move |output| {
            serde_json::to_value(output).map_err(|e| Error::internal(format!("{noun}: {e}")))
        }))
    }

    /// The request was done already: what it made is in the register, under this id.
    fn replay(&self, first: &Replay) -> Result<Value> {
        // An operation on an account says in `row` which row of the house it made.
        let object = first.field(0, "object").or_else(|| first.field(0, "row"));
        let object = object.unwrap_or_default();
        let id = object.split_once('/').map_or("", |(_, id)| id);
        Ok(json!({"id": id, "repeated": true}))
    }

    fn weight(&self) -> usize {
        self.operation.weight()
    }
}
