//! The routes: one table, which is the router, the OpenAPI document and `routes.txt`.
//!
//! A handler is at most fifteen lines: it parses the parts of its path into the types of `kernel`,
//! does one operation, and turns what it says into wire types, which live beside it.

mod accounts;
pub(crate) mod certificates;
mod data;
mod decisions;
mod grants;
mod incidents;
mod ledgers;
mod links;
mod measures;
mod oauth;
mod oncall;
mod people;
mod portal;
mod registers;
mod reports;
mod scim;
mod server;
mod services;
mod setup;
pub(crate) mod shared;
mod signals;
pub(crate) mod streams;
mod table;
mod transfers;

pub(crate) use table::{Conditions, Gives, Shape, Takes};
pub use table::{Route, routes_txt};

use crate::routes::table::{delete, get, item, of, post, put};
use domain::register::action;
use kernel::limits::{BATCH_BYTES, BODY_BYTES};
use std::sync::LazyLock;

/// Bytes of a small JSON body: a grant with every collection named has about 5 KiB.
const SMALL: usize = 64 * 1024;

const PAGE: &[&str] = &["limit", "after"];

/// Every route there is: those below, and those that the table of registers asks for.
pub static ROUTES: LazyLock<Vec<Route>> =
    LazyLock::new(|| fixed().cloned().chain(registers::routes()).collect());

fn fixed() -> impl Iterator<Item = &'static Route> {
    FIXED
        .iter()
        .chain(incidents::ROUTES)
        .chain(measures::ROUTES)
        .chain(signals::ROUTES)
        .chain(oncall::ROUTES)
        .chain(grants::ROUTES)
        .chain(decisions::ROUTES)
        .chain(certificates::ROUTES)
        .chain(scim::ROUTES)
        .chain(oauth::ROUTES)
        .chain(streams::ROUTES)
        .chain(services::ROUTES)
        .chain(ledgers::ROUTES)
}

/// The routes of nouns with operations of their own. A path's routes stand together; of two paths
/// that match, the first counts.
static FIXED: &[Route] = &[
    // Without login.
    get("/healthz", "getHealth", "Says that the process runs")
        .open()
        .gives(&[Gives::json(200, "It runs", of::<server::Health>)])
        .by(|call| Box::pin(server::health(call))),
    get("/readyz", "getReadiness", "Says whether requests are answered")
        .open()
        .gives(&[Gives::json(200, "They are", of::<server::Health>), Gives::problem(503)])
        .by(|call| Box::pin(server::ready(call))),
    get("/openapi.json", "getOpenApi", "This document")
        .open()
        .gives(&[Gives::any(200, "The document")])
        .by(|call| Box::pin(server::document(call))),
    // Accounts.
    post("/v1/accounts", "createAccount", "Creates an account")
        .action(action::<domain::accounts::Create>())
        .json(SMALL, of::<accounts::NewAccount>)
        .gives(&[
            Gives::json(201, "It was created", of::<shared::Receipted<accounts::AccountWithSlot>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(accounts::create(call))),
    get("/v1/accounts", "listAccounts", "Lists accounts")
        .action(action::<domain::accounts::ListAccounts>())
        .query(PAGE)
        .gives(&[
            Gives::json(200, "A page", of::<shared::Items<accounts::ListedAccount>>).receipted()
        ])
        .by(|call| Box::pin(accounts::list(call))),
    item(get("/v1/accounts/{account}", "getAccount", "Shows an account"))
        .action(action::<domain::accounts::Look>())
        .gives(&[Gives::json(200, "The account", of::<accounts::SeenAccount>).receipted()])
        .by(|call| Box::pin(accounts::read(call))),
    // Collections and records.
    item(get("/v1/accounts/{account}/collections", "listCollections", "Lists collections"))
        .action(action::<domain::data::ListIn>())
        .query(PAGE)
        .gives(&[
            Gives::json(200, "A page", of::<shared::Items<data::ListedCollection>>).receipted()
        ])
        .by(|call| Box::pin(data::collections(call))),
    item(put(
        "/v1/accounts/{account}/collections/{collection}",
        "putCollection",
        "Creates a collection",
    ))
    .action(action::<domain::data::CreateIn>())
    .gives(&[
        Gives::json(200, "It was there already", of::<shared::Receipted<data::ListedCollection>>),
        Gives::json(201, "It was created", of::<shared::Receipted<data::ListedCollection>>),
    ])
    .by(|call| Box::pin(data::create_collection(call))),
    item(get(
        "/v1/accounts/{account}/collections/{collection}/records",
        "listRecords",
        "Lists records",
    ))
    .disclosing()
    .action(action::<domain::data::List>())
    .query(&["limit", "after", "values"])
    .gives(&[Gives::json(200, "A page", of::<shared::Items<data::ListedRecord>>).receipted()])
    .by(|call| Box::pin(data::list(call))),
    item(post(
        "/v1/accounts/{account}/collections/{collection}/records:batch",
        "putRecords",
        "Writes records, all or none",
    ))
    .action(action::<domain::data::WriteMany>())
    .json(BATCH_BYTES, of::<data::BatchShape>)
    .gives(&[Gives::json(200, "All were written", of::<data::Written>)])
    .by(|call| Box::pin(data::batch(call))),
    item(post(
        "/v1/accounts/{account}/collections/{collection}/records/{record}:restore",
        "restoreRecord",
        "Restores a deleted record",
    ))
    .action(action::<domain::data::Restore>())
    .gives(&[
        Gives::json(200, "It is back", of::<shared::Receipted<data::Changed>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(data::restore(call))),
    item(put(data::RECORD, "putRecord", "Writes a record"))
        .action(action::<domain::data::Write>())
        .conditions(Conditions::Write)
        .json(BODY_BYTES, data::any_value)
        .gives(&[
            Gives::json(200, "A new version", of::<shared::Receipted<data::Changed>>),
            Gives::json(201, "A new record", of::<shared::Receipted<data::Changed>>),
            Gives::problem(412),
        ])
        .by(|call| Box::pin(data::put(call))),
    item(get(data::RECORD, "getRecord", "Reads a record: the bytes as they were given"))
        .disclosing()
        .action(action::<domain::data::Get>())
        .conditions(Conditions::Read)
        .query(&["version"])
        .gives(&[
            Gives::any(200, "The record").receipted(),
            Gives::nothing(304, "The version of `If-None-Match`").receipted(),
        ])
        .by(|call| Box::pin(data::read(call))),
    item(delete(data::RECORD, "deleteRecord", "Deletes a record; it can be restored"))
        .action(action::<domain::data::Delete>())
        .conditions(Conditions::Write)
        .gives(&[
            Gives::json(200, "It is deleted", of::<shared::Receipted<data::Changed>>),
            Gives::problem(412),
        ])
        .by(|call| Box::pin(data::delete(call))),
    item(get(
        "/v1/accounts/{account}/collections/{collection}/records/{record}/history",
        "getHistory",
        "Lists a record's versions and their authors, newest first",
    ))
    .disclosing()
    .action(action::<domain::data::ReadHistory>())
    .query(PAGE)
    .gives(&[Gives::json(200, "A page", of::<shared::Items<data::PastVersion>>).receipted()])
    .by(|call| Box::pin(data::history(call))),
    // What members see of their account and do about it.
    item(get("/v1/accounts/{account}/page", "getAccountPage", "An account's page for its members"))
        .disclosing()
        .action(action::<domain::portal::Look>())
        .gives(&[Gives::json(200, "The page", of::<domain::portal::AccountFile>).receipted()])
        .by(|call| Box::pin(portal::page(call))),
    item(get(
        "/v1/accounts/{account}/accesses",
        "listAccesses",
        "Who accessed the account's data in the last 90 days, newest first",
    ))
    .disclosing()
    .action(action::<domain::portal::LookAtAccesses>())
    .query(&["before"])
    .gives(&[Gives::json(200, "A page", of::<domain::portal::Accesses>).receipted()])
    .by(|call| Box::pin(portal::accesses(call))),
    item(get(
        "/v1/accounts/{account}/receipts/{index}",
        "getOwnReceipt",
        "The receipt of an entry of the account's log, opened",
    ))
    .disclosing()
    .action(action::<domain::portal::TakeReceipt>())
    .gives(&[Gives::json(200, "The receipt", of::<shared::Receipt>).receipted()])
    .by(|call| Box::pin(portal::receipt(call))),
    item(post(
        "/v1/accounts/{account}/auditors",
        "inviteAuditor",
        "Invites an auditor of the account, with a first link",
    ))
    .action(action::<domain::members::Inviting>())
    .json(SMALL, of::<domain::members::NewAuditor>)
    .gives(&[
        Gives::json(201, "The link", of::<shared::Receipted<portal::InvitedAuditor>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(portal::invite(call))),
    // Reports.
    item(put("/v1/reports/{id}/file", "putReportFile", "Takes in the file of a report: a PDF"))
        .action(action::<domain::reports::Uploading>())
        .query(&["name"])
        .bytes(reports::FILE_BYTES, &[reports::PDF])
        .gives(&[
            Gives::json(200, "It is sealed", of::<shared::Receipted<domain::reports::File>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(shared::through(reports::upload(call)))),
    item(post(
        "/v1/accounts/{account}/report-requests",
        "requestReport",
        "Asks for a report, as a member of the account",
    ))
    .action(action::<domain::reports::Requesting>())
    .json(SMALL, of::<domain::reports::NewOwnRequest>)
    .gives(&[Gives::json(
        201,
        "It was asked",
        of::<shared::Receipted<domain::reports::OwnRequest>>,
    )])
    .by(|call| Box::pin(reports::request(call))),
    item(post(
        "/v1/accounts/{account}/report-requests/{request}:accept",
        "acceptReportTerms",
        "Accepts the terms under which a report is given",
    ))
    .action(action::<domain::reports::Accepting>())
    .json(SMALL, of::<reports::Accepted>)
    .gives(&[
        Gives::json(200, "Accepted", of::<shared::Receipted<domain::reports::OwnRequest>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(reports::accept(call))),
    item(get(
        "/v1/accounts/{account}/report-requests/{request}/file",
        "downloadReport",
        "A copy of a released report, with receiver and release on each page",
    ))
    .disclosing()
    .action(action::<domain::reports::Downloading>())
    .query(&["report"])
    .gives(&[Gives::document(200, "The copy", reports::PDF).receipted()])
    .by(|call| Box::pin(shared::through(reports::download(call)))),
    item(get(
        "/v1/accounts/{account}/report-terms/{terms}",
        "getReportTerms",
        "A version of the terms under which reports are given",
    ))
    .disclosing()
    .action(action::<domain::reports::ReadingTerms>())
    .gives(&[Gives::json(200, "The terms", of::<domain::reports::TermsText>).receipted()])
    .by(|call| Box::pin(reports::terms(call))),
    // Transfers.
    item(post(
        "/v1/accounts/{account}/transfers",
        "sendRecords",
        "Sends selected records to a declared destination",
    ))
    .action(action::<domain::transfers::Export>())
    .json(SMALL, of::<transfers::Sending>)
    .gives(&[
        Gives::json(201, "It waits to be sent", of::<shared::Receipted<transfers::Sent>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(shared::through(transfers::send(call)))),
    item(post(
        "/v1/accounts/{account}/elections",
        "electDestination",
        "Elects a destination of the account that takes no encryption",
    ))
    .action(transfers::ELECT)
    .json(SMALL, of::<transfers::Electing>)
    .gives(&[
        Gives::json(201, "It counts", of::<shared::Receipted<transfers::Elected>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(transfers::elect(call))),
    item(delete(
        "/v1/accounts/{account}/elections/{destination}",
        "endElectionOfDestination",
        "Ends an election: nothing is sent there any more",
    ))
    .action(transfers::UNELECT)
    .query(&["reason"])
    .gives(&[
        Gives::json(200, "It ended", of::<shared::Receipted<transfers::Elected>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(transfers::unelect(call))),
    // Ledgers.
    item(get(
        "/v1/accounts/{account}/ledger/checkpoint",
        "getCheckpoint",
        "The signed head of an account's log (C2SP tlog-checkpoint)",
    ))
    .action(action::<domain::ledgers::Read>())
    .gives(&[Gives::text(200, "The checkpoint")])
    .by(|call| Box::pin(ledgers::checkpoint(call))),
    item(get(
        "/v1/accounts/{account}/ledger/tile/{*tile}",
        "getTile",
        "A tile or entry bundle of an account's log (C2SP tlog-tiles)",
    ))
    .action(action::<domain::ledgers::Read>())
    .gives(&[Gives::bytes(200, "The tile")])
    .by(|call| Box::pin(ledgers::tile(call))),
    item(get(
        "/v1/accounts/{account}/ledger/consistency",
        "getConsistency",
        "The proof that one head extends another (RFC 6962)",
    ))
    .action(action::<domain::ledgers::Read>())
    .query(&["from", "to"])
    .gives(&[Gives::json(200, "The proof", of::<ledgers::Consistency>)])
    .by(|call| Box::pin(ledgers::consistency(call))),
    item(get(
        "/v1/accounts/{account}/ledger/entries",
        "listEntries",
        "Lists an account's entries; with openings that is an entry itself, of `ledger.open`",
    ))
    .disclosing()
    .action(action::<domain::ledgers::Read>())
    .query(&["from", "limit", "openings"])
    .gives(&[Gives::json(200, "A page", of::<shared::Items<ledgers::Entry>>).receipted()])
    .by(|call| Box::pin(ledgers::entries(call))),
    item(get(
        "/v1/accounts/{account}/ledger/receipts/{index}",
        "getReceipt",
        "The receipt of an entry, in the log as it is now; opened, that is an entry itself",
    ))
    .disclosing()
    .action(action::<domain::ledgers::Read>())
    .query(&["opening"])
    .gives(&[Gives::json(200, "The receipt", of::<shared::Receipt>)])
    .by(|call| Box::pin(ledgers::receipt(call))),
    item(get(
        "/v1/accounts/{account}/ledger/anchor",
        "getAnchor",
        "The proof that an account's head is in the operator's own log",
    ))
    .action(action::<domain::ledgers::Read>())
    .gives(&[Gives::json(200, "The anchor", of::<shared::Anchor>)])
    .by(|call| Box::pin(ledgers::anchor(call))),
    get("/v1/ledger/keys", "listKeys", "Lists the keys that sign the logs")
        .gives(&[Gives::json(200, "The keys", of::<ledgers::Keys>)])
        .by(|call| Box::pin(ledgers::keys(call))),
    // People.
    post("/v1/people", "createPerson", "Takes a person in")
        .action(action::<domain::people::Create>())
        .json(SMALL, of::<people::NewPerson>)
        .gives(&[
            Gives::json(201, "With the first token", of::<shared::Receipted<people::Person>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(people::create(call))),
    get("/v1/people", "listPeople", "Lists people")
        .action(action::<domain::people::ListPeople>())
        .query(PAGE)
        .gives(&[Gives::json(200, "A page", of::<shared::Items<people::Person>>).receipted()])
        .by(|call| Box::pin(people::list(call))),
    item(post("/v1/people/{name}:move", "movePerson", "Changes roles; what is outside them ends"))
        .action(action::<domain::people::Moving>())
        .json(SMALL, of::<people::NewRoles>)
        .gives(&[
            Gives::json(200, "They moved", of::<shared::Receipted<people::Person>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(people::moved(call))),
    item(get("/v1/people/{name}", "getPerson", "Shows a person"))
        .action(action::<domain::people::Look>())
        .gives(&[Gives::json(200, "The person", of::<people::Person>).receipted()])
        .by(|call| Box::pin(people::read(call))),
    item(delete("/v1/people/{name}", "endPerson", "A person leaves: every token ends at once"))
        .action(action::<domain::people::End>())
        .gives(&[
            Gives::json(200, "They left", of::<shared::Receipted<people::Person>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(people::end(call))),
    item(post("/v1/people/{name}/tokens", "issuePersonToken", "Issues another token to a person"))
        .action(action::<domain::people::Token>())
        .gives(&[
            Gives::json(201, "The token", of::<shared::Receipted<people::NewToken>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(people::issue(call))),
    item(delete(
        "/v1/people/{name}/tokens/{token}",
        "endPersonToken",
        "Ends one token of a person",
    ))
    .action(action::<domain::services::EndToken>())
    .gives(&[Gives::json(200, "It ended", of::<shared::Receipted<people::EndedToken>>)])
    .by(|call| Box::pin(people::end_token(call))),
    item(post("/v1/people/{name}/identities", "bindPerson", "Binds a person to an identity"))
        .action(action::<domain::people::Bind>())
        .json(SMALL, of::<people::NewIdentity>)
        .gives(&[
            Gives::json(201, "The identity", of::<shared::Receipted<people::Identity>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(people::bind(call))),
    item(post(
        "/v1/people/{name}/links",
        "invitePerson",
        "Makes a link by which a person signs in once; earlier links end",
    ))
    .action(action::<domain::members::LinkPerson>())
    .gives(&[
        Gives::json(201, "The link", of::<shared::Receipted<links::Link>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(links::of_person(call))),
    item(post(
        "/v1/members/{id}/links",
        "inviteMember",
        "Makes a link by which a member of an account signs in once; earlier links end",
    ))
    .action(action::<domain::members::LinkMember>())
    .gives(&[
        Gives::json(201, "The link", of::<shared::Receipted<links::Link>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(links::of_member(call))),
    // Services.
    post("/v1/services", "createService", "Takes a service in")
        .action(action::<domain::services::Create>())
        .json(SMALL, of::<services::NewService>)
        .gives(&[
            Gives::json(201, "With the first token", of::<shared::Receipted<services::Service>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(services::create(call))),
    get("/v1/services", "listServices", "Lists services")
        .action(action::<domain::services::ListServices>())
        .query(PAGE)
        .gives(&[Gives::json(200, "A page", of::<shared::Items<services::Service>>).receipted()])
        .by(|call| Box::pin(services::list(call))),
    item(get("/v1/services/{name}", "getService", "Shows a service"))
        .action(action::<domain::services::Look>())
        .gives(&[Gives::json(200, "The service", of::<services::Service>).receipted()])
        .by(|call| Box::pin(services::read(call))),
    item(delete("/v1/services/{name}", "endService", "Ends a service: every token ends at once"))
        .action(action::<domain::services::End>())
        .gives(&[
            Gives::json(200, "It ended", of::<shared::Receipted<services::Service>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(services::end(call))),
    item(post(
        "/v1/services/{name}/tokens",
        "issueServiceToken",
        "Issues another token to a service",
    ))
    .action(action::<domain::services::Token>())
    .gives(&[
        Gives::json(201, "The token", of::<shared::Receipted<people::NewToken>>),
        Gives::problem(409),
    ])
    .by(|call| Box::pin(services::issue(call))),
    item(delete(
        "/v1/services/{name}/tokens/{token}",
        "endServiceToken",
        "Ends one token of a service",
    ))
    .action(action::<domain::services::EndToken>())
    .gives(&[Gives::json(200, "It ended", of::<shared::Receipted<people::EndedToken>>)])
    .by(|call| Box::pin(services::end_token(call))),
];
