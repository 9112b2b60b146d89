//! AuthZEN: the OpenID Authorization API 1.0 over the authority (decision 0028).
//!
//! Members that are not known are ignored, as that standard asks, and so is what the asker says of
//! subject, action and resource besides their names: only the registers count.

use super::SMALL;
use super::table::{Gives, Route, get, of, post};
use crate::answer::Answer;
use crate::body::{check, typed};
use crate::problem::Problem;
use crate::request::Call;
use domain::decisions::{AskDecisions, Asking, QUESTIONS, Question, Told};
use domain::register::action;
use hyper::StatusCode;
use kernel::id::{AccountId, Collection, PrincipalId, shown};
use kernel::{Error, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const ONE: &str = "/access/v1/evaluation";
const MANY: &str = "/access/v1/evaluations";

/// The routes.
pub(super) static ROUTES: &[Route] = &[
    get(
        "/.well-known/authzen-configuration",
        "getAuthzenConfiguration",
        "Says where decisions are asked (OpenID Authorization API 1.0)",
    )
    .gives(&[Gives::json(200, "The endpoints", of::<Configuration>)])
    .by(|call| Box::pin(configuration(call))),
    post(ONE, "evaluate", "Says whether somebody may do something now")
        .action(action::<Asking>())
        .json(SMALL, of::<Asked>)
        .gives(&[Gives::json(200, "The decision", of::<Decided>)])
        .by(|call| Box::pin(one(call))),
    post(MANY, "evaluateMany", "The same for several questions")
        .action(action::<Asking>())
        .json(SMALL, of::<Asked>)
        .gives(&[Gives::json(200, "The decisions, in order", of::<DecidedMany>)])
        .by(|call| Box::pin(many(call))),
];

/// Where decisions are asked.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthzenConfiguration")]
pub(crate) struct Configuration {
    /// This server.
    policy_decision_point: String,
    /// For one question.
    access_evaluation_endpoint: String,
    /// For several.
    access_evaluations_endpoint: String,
}

/// A question, or what several have in common.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "DecisionQuestion")]
pub(crate) struct Asked {
    /// Who: `type` is `person`, `service` or `member`, `id` its name.
    subject: Option<Value>,
    /// What: `name` is a verb of grants, or an action such as `record.get`.
    action: Option<Value>,
    /// On what: `type` is `collection` with the id `ACCOUNT/COLLECTION`, or `account`.
    resource: Option<Value>,
    /// Taken, and not looked at.
    context: Option<Value>,
    /// Several questions, each of which may leave out what stands outside.
    evaluations: Option<Vec<Value>>,
    /// `evaluations_semantic`: `execute_all`, `deny_on_first_deny`, `permit_on_first_permit`.
    options: Option<Value>,
}

/// A decision.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Decision")]
pub(crate) struct Decided {
    /// Whether it is allowed now.
    decision: bool,
    /// Why.
    context: Why,
}

/// Why it is so.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "DecisionReason")]
pub(crate) struct Why {
    /// In a sentence.
    reason: String,
    /// The policies that allow it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<String>,
    /// The grant it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    /// First moment at which it has to be asked again (RFC 3339), unless rights change before.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// What is wrong with the question, where it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Wrong>,
}

/// What is wrong with one of several questions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DecisionError")]
pub(crate) struct Wrong {
    /// The HTTP status it would have had by itself.
    status: u16,
    /// In a sentence.
    message: String,
}

/// Decisions, in the order of the questions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Decisions")]
pub(crate) struct DecidedMany {
    /// As many as were answered: all, or up to the one that ended it.
    evaluations: Vec<Decided>,
}

/// When to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Semantic {
    All,
    FirstDeny,
    FirstPermit,
}

async fn configuration(call: Call) -> Result<Answer, Problem> {
    let base = call.base.clone().ok_or_else(|| {
        Error::unavailable(
            "this server does not know its address: set `public_url`, or send `Host`",
        )
    })?;
    let answer = Configuration {
        access_evaluation_endpoint: format!("{base}{ONE}"),
        access_evaluations_endpoint: format!("{base}{MANY}"),
        policy_decision_point: base,
    };
    Answer::json(StatusCode::OK, &answer)
}

async fn one(call: Call) -> Result<Answer, Problem> {
    let asked = read(&call)?;
    Answer::json(StatusCode::OK, &single(&call, &asked).await?)
}

async fn many(call: Call) -> Result<Answer, Problem> {
    let asked = read(&call)?;
    let all = asked.evaluations.clone().unwrap_or_default();
    if all.is_empty() {
        return Answer::json(StatusCode::OK, &single(&call, &asked).await?);
    }
    if all.len() > QUESTIONS {
        let detail = format!("{} questions: ask at most {QUESTIONS} at once", all.len());
        return Err(Problem::invalid("evaluations", detail));
    }
    let semantic = semantic(asked.options.as_ref())?;
    let questions: Vec<_> = all.into_iter().map(|own| question(&merged(&asked, own))).collect();
    let evaluations = answers(&call, questions, semantic).await?;
    Answer::json(StatusCode::OK, &DecidedMany { evaluations })
}

fn read(call: &Call) -> Result<Asked, Problem> {
    check(&call.body)?;
    typed(&call.body)
}

async fn single(call: &Call, asked: &Asked) -> Result<Decided, Problem> {
    let (account, question) = question(asked)?;
    let told = ask(call, &account, vec![question]).await?;
    Ok(told.into_iter().next().map_or_else(Decided::refused, Decided::of))
}

/// A question that is asked of one account, or what is wrong with it.
type Parsed = Result<(AccountId, Question), Problem>;

/// Answers in order. What is asked of one account in a row is one operation, unless an answer may
/// end it: what was not answered is not asked, and leaves no entry.
async fn answers(
    call: &Call,
    questions: Vec<Parsed>,
    semantic: Semantic,
) -> Result<Vec<Decided>, Problem> {
    let mut decided: Vec<Decided> = Vec::new();
    let mut rest = questions.into_iter().peekable();
    while let Some(first) = rest.next() {
        let (account, question) = match first {
            Ok(parsed) => parsed,
            Err(problem) => {
                decided.push(Decided::wrong(&problem));
                if semantic == Semantic::FirstDeny {
                    break;
                }
                continue;
            }
        };
        let mut together = vec![question];
        let same = |next: &Parsed| {
            let same = next.as_ref().is_ok_and(|(other, _)| *other == account);
            same && semantic == Semantic::All
        };
        while let Some(Ok((_, question))) = rest.next_if(same) {
            together.push(question);
        }
        let count = together.len();
        match ask(call, &account, together).await {
            Ok(told) => decided.extend(told.into_iter().map(Decided::of)),
            Err(problem) if problem.is_refusal() => {
                decided.extend((0..count).map(|_| Decided::wrong(&problem)));
            }
            Err(problem) => return Err(problem),
        }
        let last = decided.last().is_some_and(|one| one.decision);
        if (semantic == Semantic::FirstDeny && !last) || (semantic == Semantic::FirstPermit && last)
        {
            break;
        }
    }
    Ok(decided)
}

/// Asks. An account that is not there and one about which the caller may not ask are the same.
async fn ask(
    call: &Call,
    account: &AccountId,
    questions: Vec<Question>,
) -> Result<Vec<Told>, Problem> {
    let none = || {
        let what = "no such account, or none about which you may ask: that takes a grant to read \
                    every collection of it";
        Problem::from(Error::forbidden(what))
    };
    let operation = match AskDecisions::new(&call.kernel, account, questions) {
        Err(error) if error.kind() == Kind::NotFound => return Err(none()),
        other => other?,
    };
    match call.submit(operation).await {
        Ok(done) => Ok(done.output),
        Err(problem) if problem.is_refusal() => Err(none()),
        Err(problem) => Err(problem),
    }
}

impl Decided {
    fn of(told: Told) -> Self {
        if !told.allowed {
            return Self::refused();
        }
        let context = Why {
            reason: "allowed by the rights in force".to_owned(),
            policies: told.policies,
            grant: told.grant,
            until: told.until.map(|until| until.rfc3339()),
            error: None,
        };
        Self { decision: true, context }
    }

    /// The same for whoever has no right and whoever is not there.
    fn refused() -> Self {
        let reason = "no right in force allows it".to_owned();
        Self { decision: false, context: Why { reason, ..Why::default() } }
    }

    fn wrong(problem: &Problem) -> Self {
        let error = Wrong { status: problem.status(), message: problem.detail().to_owned() };
        let reason = "it could not be asked".to_owned();
        Self { decision: false, context: Why { reason, error: Some(error), ..Why::default() } }
    }
}

fn semantic(options: Option<&Value>) -> Result<Semantic, Problem> {
    let Some(options) = options else { return Ok(Semantic::All) };
    let options = object(options, "options")?;
    match options.get("evaluations_semantic") {
        None => Ok(Semantic::All),
        Some(Value::String(text)) if text == "execute_all" => Ok(Semantic::All),
        Some(Value::String(text)) if text == "deny_on_first_deny" => Ok(Semantic::FirstDeny),
        Some(Value::String(text)) if text == "permit_on_first_permit" => Ok(Semantic::FirstPermit),
        Some(other) => {
            let other = shown(&other.to_string());
            let detail = format!(
                "`{other}` is none of execute_all, deny_on_first_deny, permit_on_first_permit"
            );
            Err(Problem::invalid("options.evaluations_semantic", detail))
        }
    }
}

/// What a question says, over what all have in common: a subject, action or resource of its own
/// replaces the common one, and takes from it only the names it leaves out.
fn merged(common: &Asked, own: Value) -> Asked {
    let Value::Object(mut own) = own else { return Asked::default() };
    let mut part = |name: &str, common: &Option<Value>| match (own.remove(name), common) {
        (Some(Value::Object(mut own)), Some(Value::Object(common))) => {
            for name in ["type", "id", "name"] {
                if let (false, Some(value)) = (own.contains_key(name), common.get(name)) {
                    own.insert(name.to_owned(), value.clone());
                }
            }
            Some(Value::Object(own))
        }
        (Some(own), _) => Some(own),
        (None, common) => common.clone(),
    };
    Asked {
        subject: part("subject", &common.subject),
        action: part("action", &common.action),
        resource: part("resource", &common.resource),
        context: part("context", &common.context),
        ..Asked::default()
    }
}

fn question(asked: &Asked) -> Parsed {
    if let Some(context) = &asked.context {
        object(context, "context")?;
    }
    let (kind, id) =
        (text(&asked.subject, "subject", "type")?, text(&asked.subject, "subject", "id")?);
    if !["person", "service", "member"].contains(&kind) {
        let detail = format!("`{}` is none of person, service, member", shown(kind));
        return Err(Problem::invalid("subject.type", detail));
    }
    let who = PrincipalId::parse(&format!("{kind}:{id}"))
        .map_err(|error| Problem::invalid("subject.id", error.message()))?;
    let name = text(&asked.action, "action", "name")?;
    let (kind, id) =
        (text(&asked.resource, "resource", "type")?, text(&asked.resource, "resource", "id")?);
    let wrong = |error: Error| Problem::invalid("resource.id", error.message());
    let (account, collection) = match (kind, id.split_once('/')) {
        ("collection", Some((account, collection))) => {
            (account, Some(Collection::parse(collection).map_err(wrong)?))
        }
        ("collection", None) => {
            let detail = format!("`{}` is no `ACCOUNT/COLLECTION`", shown(id));
            return Err(Problem::invalid("resource.id", detail));
        }
        ("account", _) => (id, None),
        _ => {
            let detail = format!("`{}` is none of collection, account", shown(kind));
            return Err(Problem::invalid("resource.type", detail));
        }
    };
    let account = AccountId::parse(account).map_err(wrong)?;
    Ok((account, Question::new(who, name, collection)?))
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, Problem> {
    value.as_object().ok_or_else(|| Problem::invalid(field, format!("`{field}` is no object")))
}

/// A member that has to be there, and text.
fn text<'a>(part: &'a Option<Value>, field: &str, name: &str) -> Result<&'a str, Problem> {
    let Some(part) = part else {
        return Err(Problem::invalid(field, format!("`{field}` is missing")));
    };
    if let Some(properties) = object(part, field)?.get("properties") {
        object(properties, &format!("{field}.properties"))?;
    }
    let full = format!("{field}.{name}");
    match part.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Problem::invalid(full.clone(), format!("`{full}` is no text"))),
        None => Err(Problem::invalid(full.clone(), format!("`{full}` is missing"))),
    }
}
