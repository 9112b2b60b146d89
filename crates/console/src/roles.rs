//! Roles and areas: where each role starts, and who could do what. What may be done is decided by
//! the policies; a test holds this table against them.

use crate::visit::Visit;
use domain::register::{Entry, Register};
use kernel::Kernel;
use kernel::authority::Principal;

/// A role's page to start from.
pub(crate) struct Start {
    /// The role, and the path.
    pub(crate) role: &'static str,
    pub(crate) title: &'static str,
    /// What the role answers for, in a sentence.
    pub(crate) task: &'static str,
    /// The areas of the registers it works with.
    pub(crate) areas: &'static [&'static str],
}

/// Every role's page to start from.
pub(crate) static STARTS: [Start; 7] = [
    Start {
        role: "security-lead",
        title: "Security lead",
        task: "Keeps the programme: the board as a whole, systems, team, policies, risks, reviews.",
        areas: &[
            "programme",
            "catalogue",
            "systems",
            "team",
            "exposure",
            "incidents",
            "sites",
            "vendors",
        ],
    },
    Start {
        role: "responder",
        title: "Responder",
        task: "Runs incidents, keeps the on-call rota without gaps, works off findings.",
        areas: &["incidents", "holds", "exposure"],
    },
    Start {
        role: "approver",
        title: "Approver",
        task: "Gives the second signature, or refuses it. Everything that waits for one is here.",
        areas: &["access", "approvals"],
    },
    Start {
        role: "vendor-manager",
        title: "Vendor manager",
        task: "Keeps sub-processors: agreements, reviews, engagements, destinations, sites.",
        areas: &["vendors", "sites"],
    },
    Start {
        role: "counsel",
        title: "Counsel",
        task: "Confirms holds, looks at notices, releases reports under terms.",
        areas: &["holds", "reports", "incidents"],
    },
    Start {
        role: "auditor",
        title: "Auditor",
        task: "Reads every register and the ledger. Changes nothing; every look is an entry.",
        areas: &[],
    },
    Start {
        role: "administrator",
        title: "Administrator",
        task: "Takes in people and services, approves grants. Has no right to Service Data.",
        areas: &["register", "access", "open", "team", "systems"],
    },
];

/// An area of the registers: its heading, and the roles that its actions are open to.
pub(crate) struct Area {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) roles: &'static [&'static str],
}

/// Every area, in the order of pages.
pub(crate) static AREAS: [Area; 16] = [
    Area { name: "programme", title: "Programme", roles: &["security-lead"] },
    Area { name: "catalogue", title: "Catalogue", roles: &["security-lead"] },
    Area { name: "team", title: "Team", roles: &["administrator", "security-lead"] },
    Area { name: "register", title: "Access", roles: &["administrator"] },
    Area {
        name: "access",
        title: "Access requests",
        roles: &["approver", "security-lead", "administrator"],
    },
    Area { name: "open", title: "Subscribers", roles: &[] },
    Area { name: "systems", title: "Systems", roles: &["administrator", "security-lead"] },
    Area { name: "vendors", title: "Vendors", roles: &["vendor-manager", "security-lead"] },
    Area { name: "sites", title: "Sites", roles: &["security-lead", "vendor-manager"] },
    Area {
        name: "exposure",
        title: "Exposure",
        roles: &["security-lead", "responder", "engineer"],
    },
    Area { name: "incidents", title: "Incidents", roles: &["responder", "security-lead"] },
    Area { name: "holds", title: "Holds", roles: &["counsel", "responder", "security-lead"] },
    Area { name: "reports", title: "Reports", roles: &["security-lead", "counsel"] },
    Area {
        name: "approvals",
        title: "Second signatures",
        roles: &["approver", "security-lead", "vendor-manager", "counsel"],
    },
    Area {
        name: "feeds",
        title: "Facts",
        roles: &["security-lead", "administrator", "engineer", "responder"],
    },
    Area { name: "own", title: "Yours", roles: &[] },
];

/// Actions of these areas take a person other than the one before.
const TWO_PEOPLE: [&str; 3] = ["access", "approvals", "holds"];

/// The start page of this path.
pub(crate) fn start(path: &str) -> Option<&'static Start> {
    STARTS.iter().find(|start| start.role == path)
}

/// The area of this name.
pub(crate) fn area(name: &str) -> Option<&'static Area> {
    AREAS.iter().find(|area| area.name == name)
}

/// The area an entry of a register is in.
pub(crate) fn area_of(register: &Register, entry: &Entry) -> &'static str {
    entry.area.unwrap_or(register.area)
}

/// What a page says where adding a row is not open to whoever reads.
pub(crate) fn closed(register: &Register) -> &'static str {
    match area(area_of(register, &register.add)) {
        Some(area) if !area.roles.is_empty() => {
            "Your roles do not open this: ask somebody who holds one for it."
        }
        _ => "Nobody of the team adds one: they come from subscribers, or by themselves.",
    }
}

/// What a page says plainly where a rule takes two people and the team has not got them.
pub(crate) fn too_small(kernel: &Kernel, area: &str) -> Option<String> {
    if !TWO_PEOPLE.contains(&area) {
        return None;
    }
    let roles = self::area(area)?.roles;
    let holders = holders(kernel, roles);
    (holders < 2).then(|| {
        let names = roles.join(", ");
        let who = if holders == 1 { "one person holds" } else { "nobody holds" };
        format!(
            "This takes a person other than the one before, and {who} a role for it. Give another \
             person one of: {names}."
        )
    })
}

/// Active people of the provider who hold one of these roles.
pub(crate) fn holders(kernel: &Kernel, roles: &[&str]) -> usize {
    let has = |one: &Principal| {
        let ours = one.active && one.account.is_none() && one.vendor.is_none();
        ours && one.roles.iter().any(|role| roles.contains(&role.as_str()))
    };
    kernel.authority().principals().iter().filter(|one| has(one)).count()
}

/// Whether something is for whoever is signed in: for the person, or for a role they hold.
pub(crate) fn is_for(visit: &Visit<'_>, who: &str) -> bool {
    let caller = visit.session.as_ref().map(|session| session.caller.principal.as_str());
    caller == Some(who) || visit.roles().iter().any(|role| role == who)
}

#[cfg(test)]
mod tests {
    use super::{AREAS, STARTS, area, area_of};
    use crate::nouns;
    use kernel::HOUSE;
    use testkit::World;

    #[test]
    fn areas_are_open_to_the_roles_that_the_policies_say() {
        let world = World::memory(1);
        for (role, _) in domain::people::ROLES {
            let token = world.person(role, &[role]);
            let caller = world.kernel.identify(&token).unwrap();
            for register in nouns::all() {
                for entry in register.entries() {
                    let may = world.kernel.allow(&caller, entry.action, HOUSE).is_ok();
                    let name = area_of(register, entry);
                    // An area that is not in the table is of members, or of the kernel itself.
                    let known = area(name).is_some_and(|area| area.roles.contains(&role));
                    let said = known || name == "own";
                    assert_eq!(said, may, "{} for {role}", entry.action.name);
                }
            }
        }
    }

    #[test]
    fn roles_that_pages_name_are_roles() {
        let known = domain::people::ROLES.map(|(role, _)| role);
        let named = AREAS.iter().flat_map(|area| area.roles).copied();
        for role in named.chain(STARTS.iter().map(|start| start.role)) {
            assert!(known.contains(&role), "{role}");
        }
        for name in STARTS.iter().flat_map(|start| start.areas) {
            assert!(area(name).is_some(), "{name}");
        }
    }
}
