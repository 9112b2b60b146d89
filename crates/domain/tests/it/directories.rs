//! Staff directories: who is taken in, moved and let out, and that every way out is the same door.

use crate::certificates::SSH;
use crate::passkeys::{CHALLENGE, Device, by_passkey, by_token, make};
use crate::registers::{add, show, take};
use crate::support::{account_with_data, both, field, kind, name, newest, says};
use domain::certificates::{Issue, NewCertificate, Publish};
use domain::directories::{
    AddGroup, AddUser, Change, ChangeGroup, ChangeUser, ListUsers, ReadUser, RemoveGroup,
    RemoveUser, Seen, Wanted,
};
use domain::grants::{Grant, MovePerson};
use domain::members::{IssueLink, LinkLife};
use domain::people::{EndPerson, IssueToken, Person};
use domain::register::Read;
use kernel::authority::Caller;
use kernel::id::AccountId;
use kernel::{HOUSE, Kind, Result};
use pki::ssh;
use scim::{GROUP, Patch, Query, Resource, USER};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::World;

const BASE: &str = "https://bailee.test/scim/v2";

fn random() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
}

/// A directory `entra` that maps `Engineers` and `Approvers`.
struct Staff<'w> {
    world: &'w World,
    token: String,
}

impl<'w> Staff<'w> {
    fn new(world: &'w World) -> Self {
        let staff = Self { world, token: directory(world, "entra") };
        staff.map("Engineers", "engineer").unwrap();
        staff.map("Approvers", "approver").unwrap();
        staff
    }

    fn map(&self, group: &str, role: &str) -> Result<Value> {
        let stated = json!({"group": group, "role": role});
        take(self.world, &self.world.admin, ("directories", "entra", "map"), &stated)
    }

    fn unmap(&self, group: &str, role: &str) -> Result<Value> {
        let stated = json!({"group": group, "role": role});
        take(self.world, &self.world.admin, ("directories", "entra", "unmap"), &stated)
    }

    fn user(&self, stated: &Value) -> Result<Seen> {
        let resource = Resource::read(&USER, stated).unwrap();
        let add = AddUser::new(&self.world.kernel, resource, random(), BASE)?;
        Ok(self.world.run(&self.token, add)?.output)
    }

    /// A user of this name; gives its id.
    fn joined(&self, name: &str) -> String {
        id(&self.user(&json!({ "userName": name })).unwrap())
    }

    fn group(&self, name: &str, members: &[&str]) -> Result<Seen> {
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
        let stated = json!({"displayName": name, "members": members});
        let resource = Resource::read(&GROUP, &stated).unwrap();
        let add = AddGroup::new(&self.world.kernel, resource, random(), BASE)?;
        Ok(self.world.run(&self.token, add)?.output)
    }

    fn change_user(&self, id: &str, change: Change) -> Result<Seen> {
        let change = ChangeUser::new(&self.world.kernel, id, change, Wanted::Any, BASE)?;
        Ok(self.world.run(&self.token, change)?.output)
    }

    fn patch(&self, id: &str, operations: &Value) -> Result<Seen> {
        let patch = Patch::read(&USER, &json!({ "Operations": operations })).unwrap();
        self.change_user(id, Change::Part(patch))
    }

    fn active(&self, id: &str, active: bool) -> Result<Seen> {
        self.patch(id, &json!([{"op": "replace", "path": "active", "value": active}]))
    }

    fn put(&self, id: &str, stated: &Value) -> Result<Seen> {
        self.change_user(id, Change::Whole(Resource::read(&USER, stated).unwrap()))
    }

    fn patch_group(&self, id: &str, operations: &Value) -> Result<Seen> {
        let patch = Patch::read(&GROUP, &json!({ "Operations": operations })).unwrap();
        let change = Change::Part(patch);
        let change = ChangeGroup::new(&self.world.kernel, id, change, Wanted::Any, BASE)?;
        Ok(self.world.run(&self.token, change)?.output)
    }

    fn remove(&self, id: &str) -> Result<()> {
        let remove = RemoveUser::new(&self.world.kernel, id, Wanted::Any)?;
        self.world.run(&self.token, remove).map(drop)
    }

    fn found(&self, token: &str, filter: &str) -> Result<Vec<String>> {
        let query = Query::read(&USER, |name| (name == "filter").then_some(filter)).unwrap();
        let list = ListUsers::new(&self.world.kernel, query, BASE)?;
        let body = self.world.run(token, list)?.output.body();
        let all = body["Resources"].as_array().unwrap().iter();
        Ok(all.map(|one| one["userName"].as_str().unwrap().to_owned()).collect())
    }

    fn roles(&self, who: &str) -> String {
        person(self.world, who).unwrap().roles.join(",")
    }
}

/// A directory of this service; gives the service's token.
fn directory(world: &World, service: &str) -> String {
    let token = world.service(service);
    let new = json!({"service": service, "purpose": "the staff"});
    add(world, &world.admin, "directories", &new).unwrap();
    token
}

fn id(seen: &Seen) -> String {
    seen.resource.text("id").unwrap().to_owned()
}

fn person(world: &World, who: &str) -> Result<Person> {
    Ok(world.run(&world.admin, Read::<Person>::new(&world.kernel, who)?)?.output)
}

#[test]
fn an_active_user_is_a_person_with_the_roles_of_its_groups() {
    both(801, |world| {
        let staff = Staff::new(world);
        let ana = staff
            .user(&json!({
                "userName": "Ana.Lima@northwind.example", "externalId": "E-1",
                "name": {"givenName": "Ana", "familyName": "Lima"},
                "emails": [{"value": "x@x.example"}, {"value": "ana@x.example", "primary": true}],
            }))
            .unwrap();
        let row = person(world, "ana.lima").unwrap();
        assert_eq!(row.full_name.as_deref(), Some("Ana Lima"));
        assert_eq!(row.email.as_deref(), Some("ana@x.example"));
        assert!(row.roles.is_empty() && row.credentials.is_empty(), "no group, no credential");
        let id = id(&ana);
        let group = staff.group("engineers", &[&id]).unwrap();
        assert_eq!(staff.roles("ana.lima"), "engineer", "names of groups have no case");
        staff.group("Other", &[&id]).unwrap();
        staff.group("Approvers", &[&id, "nobody", &id]).unwrap();
        assert_eq!(staff.roles("ana.lima"), "approver,engineer");
        let moved = person(world, "ana.lima").unwrap().moves;
        assert_eq!((moved.len(), moved[0].by.as_str()), (2, "service:entra"));
        // A group of another name gives nothing any more.
        let group = self::id(&group);
        let renamed = json!([{"op": "replace", "value": {"displayName": "Old"}}]);
        staff.patch_group(&group, &renamed).unwrap();
        assert_eq!(staff.roles("ana.lima"), "approver");
        let back = json!([{"op": "replace", "path": "displayName", "value": "ENGINEERS"}]);
        staff.patch_group(&group, &back).unwrap();
        assert_eq!(staff.roles("ana.lima"), "approver,engineer");
        let gone = RemoveGroup::new(&world.kernel, &group, Wanted::Any).unwrap();
        world.run(&staff.token, gone).unwrap();
        assert_eq!(staff.roles("ana.lima"), "approver");
        // Names follow the directory.
        staff.patch(&id, &json!([{"op": "add", "value": {"displayName": "Ana L."}}])).unwrap();
        assert_eq!(person(world, "ana.lima").unwrap().full_name.as_deref(), Some("Ana L."));
    });
}

#[test]
fn a_move_ends_what_is_outside_the_new_roles_in_the_same_commit() {
    both(802, |world| {
        let staff = Staff::new(world);
        let (import, account) = account_with_data(world);
        world.put(&import, (&account, "c", "x"), "{}").unwrap();
        let ana = staff.joined("ana");
        let engineers = id(&staff.group("Engineers", &[&ana]).unwrap());
        let token = world
            .run(&world.admin, IssueToken::new(&world.kernel, &name("ana")).unwrap())
            .unwrap()
            .output
            .token;
        let grant = world.grant("person:ana", "*", "*", &["read"]);
        assert!(world.get(&token, (&account, "c", "x")).is_ok());
        let out = json!([{"op": "remove", "path": format!("members[value eq \"{ana}\"]")}]);
        staff.patch_group(&engineers, &out).unwrap();
        assert_eq!(kind(world.get(&token, (&account, "c", "x"))), Kind::NotFound);
        let read = Read::<Grant>::new(&world.kernel, &grant).unwrap();
        assert!(world.run(&world.admin, read).unwrap().output.ended.is_some());
        // It does not come back with the role.
        let back = json!([{"op": "add", "path": "members", "value": [{"value": ana}]}]);
        staff.patch_group(&engineers, &back).unwrap();
        assert_eq!(staff.roles("ana"), "engineer");
        assert!(world.get(&token, (&account, "c", "x")).is_err());
    });
}

#[test]
fn mapping_and_unmapping_reach_everybody_by_a_job() {
    both(803, |world| {
        let staff = Staff::new(world);
        let ids: Vec<String> = (0..120).map(|n| staff.joined(&format!("p{n}"))).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        staff.group("Desk", &ids).unwrap();
        assert_eq!(staff.roles("p7"), "");
        staff.map("desk", "support").unwrap();
        for _ in 0..3 {
            world.kernel.tick(&domain::run_job).unwrap();
        }
        assert_eq!((staff.roles("p0"), staff.roles("p119")), ("support".into(), "support".into()));
        assert_eq!(kind(staff.map("Desk", "support")), Kind::Conflict);
        staff.unmap("Desk", "support").unwrap();
        for _ in 0..3 {
            world.kernel.tick(&domain::run_job).unwrap();
        }
        assert_eq!((staff.roles("p0"), staff.roles("p119")), (String::new(), String::new()));
        assert_eq!(kind(staff.unmap("Desk", "support")), Kind::Conflict);
    });
}

#[test]
fn too_many_people_in_one_request_are_refused_whole() {
    let world = World::memory(804);
    let staff = Staff::new(&world);
    let ids: Vec<String> = (0..301).map(|n| staff.joined(&format!("p{n}"))).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let refused = staff.group("Engineers", &ids).map(|_| ());
    assert_eq!(field(refused), (Kind::Invalid, "tooMany".to_owned()));
    assert_eq!(staff.roles("p0"), "", "nothing of it was done");
    staff.group("Engineers", &ids[..300]).unwrap();
    let strangers: Vec<String> = (0..2_001).map(|n| format!("stranger-{n}")).collect();
    let strangers: Vec<&str> = strangers.iter().map(String::as_str).collect();
    let refused = staff.group("Nobody", &strangers).map(|_| ());
    assert_eq!(field(refused), (Kind::Invalid, "tooMany".to_owned()));
    assert_eq!(staff.roles("p299"), "engineer");
}

#[test]
fn administrators_are_made_by_hand_only() {
    both(805, |world| {
        let staff = Staff::new(world);
        let refused = staff.map("Admins", "administrator").map(|_| ());
        assert_eq!(field(refused), (Kind::Invalid, "role".to_owned()));
        let ana = staff.joined("ana");
        let roles = ["administrator".to_owned(), "support".to_owned()];
        let by_hand = MovePerson::new(&world.kernel, &name("ana"), &roles, "runs it").unwrap();
        world.run(&world.admin, by_hand).unwrap();
        staff.group("Engineers", &[&ana]).unwrap();
        assert_eq!(staff.roles("ana"), "administrator,engineer", "kept, the other computed anew");
        // The last one does not leave, in whatever form it is said; nothing of it is done.
        let end = EndPerson::new(&world.kernel, &name("admin")).unwrap();
        let own = IssueToken::new(&world.kernel, &name("ana")).unwrap();
        let own = world.run(&world.admin, own).unwrap().output.token;
        world.run(&own, end).unwrap();
        assert_eq!(kind(staff.active(&ana, false).map(|_| ())), Kind::Conflict);
        assert_eq!(kind(staff.remove(&ana)), Kind::Conflict);
        let read = ReadUser::new(&world.kernel, &ana, BASE).unwrap();
        assert!(world.run(&staff.token, read).unwrap().output.resource.active().unwrap());
        assert!(world.kernel.identify(&own).is_ok());
    });
}

#[test]
fn a_directory_sees_and_changes_its_own_and_only_while_it_is_in_use() {
    both(806, |world| {
        let staff = Staff::new(world);
        let other = directory(world, "okta");
        let ana = staff.joined("ana");
        assert_eq!(staff.found(&staff.token, "userName eq \"ANA\"").unwrap(), ["ana"]);
        assert_eq!(staff.found(&staff.token, "userName sw \"a\"").unwrap(), ["ana"]);
        for filter in ["userName eq \"ana\"", "active eq true", &format!("id eq \"{ana}\"")] {
            assert!(staff.found(&other, filter).unwrap().is_empty(), "{filter}");
        }
        let read = || ReadUser::new(&world.kernel, &ana, BASE).unwrap();
        assert_eq!(kind(world.run(&other, read()).map(|_| ())), Kind::NotFound);
        let remove = RemoveUser::new(&world.kernel, &ana, Wanted::Any).unwrap();
        assert_eq!(kind(world.run(&other, remove).map(|_| ())), Kind::NotFound);
        let lone = world.service("lone");
        let refused = world.run(&lone, read()).map(|_| ()).unwrap_err();
        assert!(says(&refused, "bailee directory add"), "{refused:?}");
        assert_eq!(kind(world.run(&world.admin, read()).map(|_| ())), Kind::Forbidden);
        // Somebody of the same name in another directory is another person.
        let resource = Resource::read(&USER, &json!({"userName": "ana"})).unwrap();
        let add = AddUser::new(&world.kernel, resource, random(), BASE).unwrap();
        world.run(&other, add).unwrap();
        assert!(person(world, "ana-2").is_ok());
        let end = json!({"reason": "moved to another"});
        take(world, &world.admin, ("directories", "entra", "end"), &end).unwrap();
        assert_eq!(kind(staff.active(&ana, false).map(|_| ())), Kind::Forbidden);
        assert!(person(world, "ana").unwrap().left.is_none(), "people stay as they are");
        assert_eq!(kind(staff.map("x", "support")), Kind::Conflict);
    });
}

#[test]
fn names_are_unique_and_versions_are_compared() {
    both(807, |world| {
        let staff = Staff::new(world);
        let ana = staff.joined("ana");
        let bob = staff.joined("bob");
        let taken = staff.user(&json!({"userName": " ANA "})).map(|_| ());
        assert_eq!(field(taken), (Kind::Conflict, "uniqueness".to_owned()));
        let rename = |id: &str, to: &str| {
            staff.patch(id, &json!([{"op": "replace", "path": "userName", "value": to}]))
        };
        assert_eq!(kind(rename(&bob, "Ana").map(|_| ())), Kind::Conflict);
        rename(&ana, "Ana").unwrap();
        rename(&ana, "anna").unwrap();
        rename(&bob, "ana").unwrap();
        assert_eq!(staff.found(&staff.token, "userName eq \"ana\"").unwrap(), ["ana"]);
        assert!(person(world, "anna").is_err(), "the person keeps the name");
        let read = ReadUser::new(&world.kernel, &ana, BASE).unwrap();
        let version = world.run(&staff.token, read).unwrap().output.version;
        let change = |wanted| {
            let patch = json!({"Operations": [{"op": "add", "path": "title", "value": "x"}]});
            let patch = Change::Part(Patch::read(&USER, &patch).unwrap());
            let change = ChangeUser::new(&world.kernel, &ana, patch, wanted, BASE).unwrap();
            world.run(&staff.token, change).map(|done| done.output.version)
        };
        let stale = change(Wanted::Version(version - 1));
        assert_eq!(field(stale), (Kind::Conflict, "if-match".to_owned()));
        assert_eq!(change(Wanted::Version(version)).unwrap(), version + 1);
        staff.remove(&ana).unwrap();
        assert_eq!(kind(staff.remove(&ana)), Kind::NotFound);
        staff.joined("anna");
    });
}

#[test]
fn who_was_let_out_by_hand_does_not_come_back_by_chance() {
    both(808, |world| {
        let staff = Staff::new(world);
        let ana = staff.joined("ana");
        let end = EndPerson::new(&world.kernel, &name("ana")).unwrap();
        world.run(&world.admin, end).unwrap();
        staff.active(&ana, true).unwrap();
        staff.put(&ana, &json!({"userName": "ana", "active": true})).unwrap();
        staff.group("Engineers", &[&ana]).unwrap();
        assert!(person(world, "ana-2").is_err() && person(world, "ana").unwrap().left.is_some());
        staff.active(&ana, false).unwrap();
        // What says nothing of it lets nobody in.
        staff.put(&ana, &json!({"userName": "ana", "title": "x"})).unwrap();
        staff.patch(&ana, &json!([{"op": "remove", "path": "active"}])).unwrap();
        assert!(person(world, "ana-2").is_err());
        staff.active(&ana, true).unwrap();
        let back = person(world, "ana-2").unwrap();
        assert_eq!(back.roles, ["engineer"], "a new person, with the roles of the groups");
        assert!(back.credentials.is_empty());
    });
}

/// Somebody who holds all that can be held, and what of it counts.
struct Held {
    token: String,
    session: String,
    link: String,
    device: Device,
    grant: String,
    certificate: Value,
    /// A request of their own that is open, and another's that they approved.
    open: String,
    approved: String,
    eve: String,
    account: AccountId,
}

fn asked(world: &World, token: &str, stated: &Value) -> (String, Value) {
    let row = add(world, token, "access-requests", stated).unwrap();
    (row["id"].as_str().unwrap().to_owned(), json!({"terms_sha256": row["terms_sha256"]}))
}

impl Held {
    /// By the person `ana` of the directory.
    fn by_ana(staff: &Staff<'_>) -> Self {
        let world = staff.world;
        let (import, account) = account_with_data(world);
        world.put(&import, (&account, "c", "x"), "{}").unwrap();
        let eve = world.person("eve", &["engineer"]);
        let abe = world.person("abe", &["approver"]);
        let lea = world.person("lea", &["security-lead"]);
        let ana = name("ana");
        let issue = IssueToken::new(&world.kernel, &ana).unwrap();
        let token = world.run(&world.admin, issue).unwrap().output.token;
        let link = || {
            let issue = IssueLink::person(&world.kernel, &ana, LinkLife::default()).unwrap();
            world.run(&world.admin, issue).unwrap().output.token
        };
        let session = by_token(world, &link()).unwrap();
        let link = link();
        let host = json!({"name": "web-1", "kind": "host", "purpose": "o", "owner": "person:lea"});
        add(world, &lea, "systems", &host).unwrap();
        let data = json!({"account": account.as_str(), "collections": ["c"], "verbs": ["read"],
            "purpose": "half a page", "reference": "T-1", "for_seconds": 3600});
        let enter = json!({"account": "house", "collections": ["web-1"], "verbs": ["connect"],
            "logins": ["app"], "purpose": "a disk is full", "reference": "T-2",
            "for_seconds": 3600});
        let (entering, terms) = asked(world, &token, &enter);
        take(world, &abe, ("access-requests", &entering, "approve"), &terms).unwrap();
        take(world, &token, ("access-requests", &entering, "begin"), &json!({})).unwrap();
        let new = json!({"system": "web-1", "kind": "ssh", "key": SSH});
        let new: NewCertificate = serde_json::from_value(new).unwrap();
        let issue = Issue::new(&world.kernel, new).unwrap();
        let certificate = world.run(&token, issue).unwrap().output;
        let certificate = serde_json::to_value(certificate).unwrap();
        let grant = world.grant("person:ana", "*", "*", &["read"]);
        let (open, _) = asked(world, &token, &data);
        let (approved, terms) = asked(world, &eve, &data);
        take(world, &token, ("access-requests", &approved, "approve"), &terms).unwrap();
        // The last, because from then on the link and other approvals take the passkey.
        let device = Device::new("key-of-ana");
        make(world, &session, &device).unwrap();
        Self { token, session, link, device, grant, certificate, open, approved, eve, account }
    }

    /// What of it counts now, by name.
    fn counts(&self, world: &World) -> Vec<&'static str> {
        let reads = |token: &str| world.get(token, (&self.account, "c", "x")).is_ok();
        let all = [
            ("token", world.kernel.identify(&self.token).is_ok()),
            ("session", world.kernel.identify(&self.session).is_ok()),
            ("link", world.kernel.identify(&self.link).is_ok()),
            ("passkey", by_passkey(world, &self.device, &CHALLENGE, &CHALLENGE).is_ok()),
            ("grant", reads(&self.token)),
            ("certificate", !self.refused(world)),
        ];
        all.iter().filter(|(_, counts)| *counts).map(|(what, _)| *what).collect()
    }

    fn refused(&self, world: &World) -> bool {
        let publish = Publish::new(&world.kernel).unwrap();
        let asked = testkit::asked_by(Caller::bearer());
        let lists = world.kernel.run(asked, publish).unwrap().output;
        let authority = ssh::PublicKey::parse(&lists.ssh_authority).unwrap();
        let serial = self.certificate["serial"].as_str().unwrap().parse().unwrap();
        let list = ssh::Krl::from_bytes(&lists.krl).unwrap();
        list.revokes(&authority, serial, self.certificate["key_id"].as_str().unwrap())
    }
}

/// A way out: what somebody does, and with what.
type WayOut = (&'static str, fn(&Staff<'_>, &str) -> Result<()>);

/// Every way out there is. Bulk is a row of these, one by one, and tried where it is read.
const WAYS_OUT: [WayOut; 12] = [
    ("person end", |staff, _| {
        let end = EndPerson::new(&staff.world.kernel, &name("ana"))?;
        staff.world.run(&staff.world.admin, end).map(drop)
    }),
    ("PATCH with a path", |staff, id| {
        let operations = json!([{"op": "replace", "path": "active", "value": false}]);
        staff.patch(id, &operations).map(drop)
    }),
    ("PATCH as Entra does", |staff, id| {
        let operations = json!([{"op": "Replace", "path": "active", "value": "False"}]);
        staff.patch(id, &operations).map(drop)
    }),
    ("PATCH as Okta does", |staff, id| {
        staff.patch(id, &json!([{"op": "replace", "value": {"active": false}}])).map(drop)
    }),
    ("PATCH without a path, as text", |staff, id| {
        staff.patch(id, &json!([{"op": "Add", "value": {"active": "False"}}])).map(drop)
    }),
    ("PATCH with the schema's name", |staff, id| {
        let path = "urn:ietf:params:scim:schemas:core:2.0:User:active";
        staff.patch(id, &json!([{"op": "add", "path": path, "value": false}])).map(drop)
    }),
    ("PATCH among what is not known", |staff, id| {
        let operations = json!([
            {"op": "Add", "path": "photos[type eq \"photo\"].value", "value": "x"},
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "Add", "path": "userName", "value": "gone-ana"},
        ]);
        staff.patch(id, &operations).map(drop)
    }),
    ("PUT", |staff, id| staff.put(id, &json!({"userName": "ana", "active": false})).map(drop)),
    ("PUT, as text", |staff, id| {
        staff.put(id, &json!({"userName": "ana", "active": "False"})).map(drop)
    }),
    ("DELETE", |staff, id| staff.remove(id)),
    ("out of the groups, then out", |staff, id| {
        let query = Query::read(&GROUP, |_| None).unwrap();
        let list = domain::directories::ListGroups::new(&staff.world.kernel, query, BASE)?;
        let body = staff.world.run(&staff.token, list)?.output.body();
        for group in body["Resources"].as_array().unwrap() {
            let id = group["id"].as_str().unwrap();
            staff.patch_group(id, &json!([{"op": "remove", "path": "members"}]))?;
        }
        staff.active(id, false).map(drop)
    }),
    ("out by hand, then out", |staff, id| {
        let end = EndPerson::new(&staff.world.kernel, &name("ana"))?;
        staff.world.run(&staff.world.admin, end)?;
        staff.active(id, false).map(drop)
    }),
];

#[test]
fn every_way_out_is_the_same_door() {
    for (seed, (way, out)) in (810..).zip(WAYS_OUT) {
        let world = World::memory(seed);
        let staff = Staff::new(&world);
        let ana = staff.joined("ana");
        staff.group("Engineers", &[&ana]).unwrap();
        staff.group("Approvers", &[&ana]).unwrap();
        let held = Held::by_ana(&staff);
        let all = held.counts(&world);
        for what in ["token", "session", "link", "passkey", "grant", "certificate"] {
            assert!(all.contains(&what), "{way}: {all:?}");
        }
        out(&staff, &ana).unwrap_or_else(|why| panic!("{way}: {why:?}"));
        assert!(held.counts(&world).is_empty(), "{way}: {:?}", held.counts(&world));
        // Nobody begins what they approved, and nobody gets them in again.
        let begin = ("access-requests", held.approved.as_str(), "begin");
        assert_eq!(kind(take(&world, &held.eve, begin, &json!({}))), Kind::Conflict, "{way}");
        let link = IssueLink::person(&world.kernel, &name("ana"), LinkLife::default());
        let link = link.and_then(|link| world.run(&world.admin, link).map(|_| ()));
        assert!(link.is_err(), "{way}: no link for who left");
        let token = IssueToken::new(&world.kernel, &name("ana")).unwrap();
        assert_eq!(kind(world.run(&world.admin, token).map(|_| ())), Kind::Conflict, "{way}");
        // The registers say so with the next tick.
        world.kernel.tick(&domain::run_job).unwrap();
        let request = |id: &str| show(&world, &world.admin, "access-requests", id).unwrap();
        assert_eq!(request(&held.open)["state"]["word"], "withdrawn", "{way}");
        let approvals = &request(&held.approved)["approvals"];
        assert!(approvals[0]["taken_back"].is_object(), "{way}: {approvals}");
        let grant = Read::<Grant>::new(&world.kernel, &held.grant).unwrap();
        assert!(world.run(&world.admin, grant).unwrap().output.ended.is_some(), "{way}");
        let ana = person(&world, "ana").unwrap();
        assert!(ana.left.is_some() && ana.credentials.iter().all(|one| one.ended.is_some()));
    }
}

#[test]
fn what_a_directory_does_is_an_entry() {
    let world = World::memory(840);
    let staff = Staff::new(&world);
    let ana = staff.joined("ana");
    let (kind_of, fields) = newest(&world, HOUSE);
    assert_eq!(kind_of, "directory-user.add");
    assert_eq!(fields["person"], "ana");
    assert_eq!(fields["directory"], "entra");
    staff.active(&ana, false).unwrap();
    let (kind_of, fields) = newest(&world, HOUSE);
    assert_eq!(kind_of, "directory-user.change");
    assert!(!fields.contains_key("person"));
    staff.found(&staff.token, "externalId eq \"x\"").unwrap();
    assert_eq!(newest(&world, HOUSE).0, "directory-user.list");
    let read = ReadUser::new(&world.kernel, "none", BASE).unwrap();
    assert_eq!(kind(world.run(&staff.token, read).map(|_| ())), Kind::NotFound);
    assert_eq!(newest(&world, HOUSE).0, "directory-user.read", "looking in vain is one too");
}
