//! What follows for a person from what a directory says: taken in, moved, let out.

use super::groups_view::Mapped;
use super::{Directory, DirectoryUser};
use crate::grants;
use crate::people::{LEFT, Person, leave};
use crate::register::{self, Kept};
use kernel::id::Name;
use kernel::{Act, Allowed, Error, HOUSE, Kernel, Result, Work};
use scim::Resource;

/// Names that are tried before somebody has to choose another.
const NAMES: usize = 200;

/// A person of this name, if they are there and did not leave, with the proof.
fn present<A: Act>(
    work: &Work<'_>,
    kernel: &Kernel,
    name: &str,
) -> Result<Option<(Allowed<A>, Person)>> {
    let allowed = work.load_late::<A>(&register::key::<Person>(kernel, name)?)?;
    let Some(pointer) = allowed.present().filter(|pointer| !pointer.deleted) else {
        return Ok(None);
    };
    let person: Person = register::parse(&work.body(&pointer)?)?;
    Ok(person.left.is_none().then_some((allowed, person)))
}

/// Takes somebody in, under a name nobody had before. Answers it.
///
/// # Errors
/// `Conflict` if too many had such a name.
pub(super) fn join<A: Act>(
    work: &mut Work<'_>,
    kernel: &Kernel,
    user: &Resource,
    roles: Vec<String>,
) -> Result<String> {
    let base = derived(user.text("userName").unwrap_or_default());
    for number in 1..=NAMES {
        let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        let allowed = work.load_late::<A>(&register::key::<Person>(kernel, &name)?)?;
        if allowed.version() > 0 {
            continue;
        }
        let (full_name, email) = shown(user);
        let person = Person {
            format: "person/v1".to_owned(),
            name: Name::parse(&name)?.to_string(),
            full_name,
            email,
            roles,
            joined: work.now().0,
            left: None,
            credentials: vec![],
            vendor: None,
            moves: vec![],
        };
        let fields = vec![("outcome", "joined".to_owned()), ("roles", person.roles.join(","))];
        work.save(allowed, register::body(&person)?, fields)?;
        return Ok(name);
    }
    let why = format!("{NAMES} people have or had a name like `{base}`: choose another userName");
    Err(Error::conflict(why))
}

/// Lets somebody out, if they are still there.
///
/// # Errors
/// `Conflict` if they are the last administrator.
pub(super) fn let_out<A: Act>(work: &mut Work<'_>, kernel: &Kernel, name: &str) -> Result<()> {
    match present::<A>(work, kernel, name)? {
        Some((allowed, person)) => leave(work, allowed, person).map(drop),
        None => Ok(()),
    }
}

/// Brings somebody's names up to date with the directory.
pub(super) fn describe<A: Act>(
    work: &mut Work<'_>,
    kernel: &Kernel,
    name: &str,
    user: &Resource,
) -> Result<()> {
    let Some((allowed, person)) = present::<A>(work, kernel, name)? else { return Ok(()) };
    let (full_name, email) = shown(user);
    let new = Person { full_name, email, ..person.clone() };
    if new != person {
        work.save(allowed, register::body(&new)?, vec![("outcome", "described".to_owned())])?;
    }
    Ok(())
}

/// Gives the people of these users the roles of their groups, to at most so many. Answers how many
/// changed, and whether there are more.
///
/// # Errors
/// `Limit` if too many grants of somebody would end.
pub(super) fn move_all<A: Act>(
    work: &mut Work<'_>,
    kernel: &Kernel,
    directory: &Kept<Directory>,
    mapped: &Mapped,
    (users, most): (&mut dyn Iterator<Item = Result<DirectoryUser>>, usize),
) -> Result<(usize, bool)> {
    let reason = format!("groups of directory {}", directory.id);
    let (mut changed, mut more, mut last) = (0, false, None);
    for user in users {
        let user = user?;
        let Some(name) = user.person.filter(|_| user.directory == directory.id) else { continue };
        let Some((allowed, person)) = present::<A>(work, kernel, &name)? else { continue };
        let roles = mapped.roles(&user.id, Some(&person))?;
        let mut before = crate::people::known_roles(&person.roles)?;
        before.dedup();
        if before == roles {
            continue;
        }
        if changed == most {
            more = true;
            break;
        }
        grants::move_to(work, kernel, allowed, person, (&roles, &reason))?;
        changed += 1;
        last = Some(name);
    }
    // One job looks at everybody.
    if let Some(name) = last {
        work.later(work.now(), HOUSE, LEFT, &name);
    }
    Ok((changed, more))
}

/// A name out of a `userName`: what stands before its `@`, in the letters that names have.
fn derived(user_name: &str) -> String {
    let local = user_name.split('@').next().unwrap_or_default().to_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = local.chars().map(plain).take(56).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { "person".to_owned() } else { name.to_owned() }
}

/// The name people use, and an address, within the bounds that people have.
fn shown(user: &Resource) -> (Option<String>, Option<String>) {
    let part = |name: &str| user.attributes.get("name")?.get(name)?.as_str();
    let parts = match (part("givenName"), part("familyName")) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        _ => None,
    };
    let fits = |text: String| {
        let text = text.trim().to_owned();
        let good = !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
        good.then_some(text)
    };
    let full = user.text("displayName").or_else(|| part("formatted")).map(str::to_owned).or(parts);
    let own = user.text("userName").filter(|name| name.contains('@'));
    let email = user.values("emails").first().copied().or(own).map(str::to_owned);
    (full.and_then(fits), email.and_then(fits))
}

#[cfg(test)]
mod tests {
    use super::derived;

    #[test]
    fn a_name_is_made_of_what_stands_before_the_at() {
        for (user_name, name) in [
            ("Ana.Lima@northwind.example", "ana.lima"),
            ("bob", "bob"),
            ("Zoë O'Neil", "zo--o-neil"),
            ("@@", "person"),
            ("../../etc", "etc"),
            ("строка", "person"),
            (&"x".repeat(300), &"x".repeat(56)),
        ] {
            assert_eq!(derived(user_name), *name, "{user_name}");
            assert!(kernel::id::Name::parse(&derived(user_name)).is_ok());
        }
    }
}
