//! Registers on the wire: the routes that the table of `domain` asks for.
//!
//! `POST /v1/systems` adds, `GET` lists and shows, `POST /v1/systems/{id}:report` takes a step.
//! What is stated and what is shown are the types of the noun, so there is nothing to convert.

use super::shared::{changed, fresh};
use super::table::{Gives, Route, Shape, get, item, post};
use crate::answer::Answer;
use crate::body;
use crate::problem::Problem;
use crate::request::Call;
use domain::register::{Boxed, Entry, On, Register};
use domain::registers::REGISTERS;
use hyper::StatusCode;
use kernel::id::RecordId;
use kernel::limits::BODY_BYTES;
use kernel::{Error, HOUSE};

/// The routes of every register, in the order of the nouns.
pub(super) fn routes() -> Vec<Route> {
    REGISTERS.iter().flat_map(of_register).collect()
}

/// What lives as long as the program, made once when the table is.
fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn gives(all: Vec<Gives>) -> &'static [Gives] {
    Box::leak(all.into_boxed_slice())
}

fn of_register(register: &'static Register) -> Vec<Route> {
    let noun = camel(register.noun);
    let collection = kept(format!("/v1/{}", register.plural));
    let one = kept(format!("/v1/{}/{{id}}", register.plural));
    let row = || Shape::Receipted(register.shown);
    let mut add = post(collection, kept(format!("add{noun}")), register.add.summary)
        .action(register.add.action)
        .json(BODY_BYTES, register.add.schema)
        .gives(gives(vec![Gives::shaped(201, "It was added", row()), Gives::problem(409)]))
        .by(|call| Box::pin(add(call)));
    add.register = Some((register, Some(&register.add)));
    let mut list = get(collection, kept(format!("list{noun}Rows")), register.purpose)
        .action(register.list)
        .query(&["limit", "after"])
        .gives(gives(vec![Gives::shaped(200, "A page", Shape::Page(register.shown)).receipted()]))
        .by(|call| Box::pin(list(call)));
    list.register = Some((register, None));
    let mut all = vec![add, list];
    for entry in register.steps {
        let path = kept(format!("{one}:{}", entry.verb));
        let operation = kept(format!("{}{noun}", entry.verb.replace('-', "")));
        let mut route = item(post(path, operation, entry.summary))
            .action(entry.action)
            .json(BODY_BYTES, entry.schema)
            .gives(gives(vec![Gives::shaped(200, "As it is now", row()), Gives::problem(409)]))
            .by(|call| Box::pin(take(call)));
        route.register = Some((register, Some(entry)));
        all.push(route);
    }
    let mut read = item(get(one, kept(format!("get{noun}")), "Shows one, with what it is now"))
        .action(register.read)
        .gives(gives(vec![Gives::shaped(200, "The row", Shape::Json(register.shown)).receipted()]))
        .by(|call| Box::pin(read(call)));
    read.register = Some((register, None));
    all.push(read);
    all
}

/// `on-call` as `OnCall`.
fn camel(noun: &str) -> String {
    let mut out = String::new();
    for word in noun.split('-') {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

fn register(call: &Call) -> Result<(&'static Register, Option<&'static Entry>), Problem> {
    call.route.register.ok_or_else(|| Error::internal("this route has no register").into())
}

fn entry(call: &Call) -> Result<&'static Entry, Problem> {
    register(call)?.1.ok_or_else(|| Error::internal("this route has no entry").into())
}

async fn add(call: Call) -> Result<Answer, Problem> {
    let made = made(&call, On::New(fresh()?))?;
    let done = call.submit(made).await?;
    let id = done.output.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
    let place = format!("/v1/{}/{id}", register(&call)?.0.plural);
    Ok(changed(StatusCode::CREATED, done.output, done.receipts)?.location(&place))
}

async fn take(call: Call) -> Result<Answer, Problem> {
    let made = made(&call, On::Row(&id(&call)?))?;
    let done = call.submit(made).await?;
    changed(StatusCode::OK, done.output, done.receipts)
}

/// The operation that a request states. Whoever has no right is told so, whatever they state.
fn made(call: &Call, on: On<'_>) -> Result<Boxed, Problem> {
    let (entry, register) = (entry(call)?, register(call)?.0);
    // A verb of grants is decided with its collection, which nobody has read yet.
    let action = if entry.action.verb.is_some() { register.list } else { entry.action };
    let stated = body::check(&call.body)
        .and_then(|()| (entry.make)(&call.kernel, on, &call.body).map_err(Problem::from));
    stated.map_err(|problem| {
        let allowed = call.caller().map(|by| call.kernel.allow(by, action, HOUSE));
        match allowed {
            Ok(Err(error)) => error.into(),
            _ => problem,
        }
    })
}

async fn read(call: Call) -> Result<Answer, Problem> {
    let made = (register(&call)?.0.get)(&call.kernel, &id(&call)?)?;
    let done = call.submit(made).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let made = (register(&call)?.0.page)(&call.kernel, call.limit()?, call.after())?;
    let done = call.submit(made).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}

fn id(call: &Call) -> Result<String, Problem> {
    let id = RecordId::parse(call.part("id"));
    Ok(id.map_err(|error| Error::invalid("id", error.message()))?.to_string())
}
