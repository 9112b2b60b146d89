//! The schemas that are kept and published (RFC 7643 §4, §7): the attributes of people and groups
//! that something here, or the directory's own reconciliation, uses. Others are left out.

use serde_json::{Value, json};

/// The type of an attribute's values (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A moment (RFC 3339).
    DateTime,
    /// The address of something.
    Reference,
    /// Sub-attributes.
    Complex,
}

/// Who may change an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// Clients.
    ReadWrite,
    /// The server alone.
    ReadOnly,
    /// Clients, when its value is added.
    Immutable,
}

/// An attribute (RFC 7643 §7).
#[derive(Debug)]
pub struct Attribute {
    /// Its name, as it is written.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub what: &'static str,
    /// The type of its values.
    pub kind: Type,
    /// Whether it has several.
    pub multi: bool,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether letters of another case are another value.
    pub exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// Whether each answer has it, whatever was asked for.
    pub always: bool,
    /// Whether it is unique in its directory.
    pub unique: bool,
    /// Values that have a meaning.
    pub canonical: &'static [&'static str],
    /// What a reference leads to.
    pub leads_to: &'static [&'static str],
    /// The attributes of a complex one.
    pub subs: &'static [Attribute],
}

impl Attribute {
    pub(crate) const fn text(name: &'static str, what: &'static str) -> Self {
        Self {
            name,
            what,
            kind: Type::String,
            multi: false,
            required: false,
            exact: false,
            mutability: Mutability::ReadWrite,
            always: false,
            unique: false,
            canonical: &[],
            leads_to: &[],
            subs: &[],
        }
    }

    pub(crate) const fn of(name: &'static str, kind: Type, what: &'static str) -> Self {
        let mut one = Self::text(name, what);
        one.kind = kind;
        one
    }

    pub(crate) const fn complex(
        name: &'static str,
        what: &'static str,
        subs: &'static [Self],
    ) -> Self {
        let mut one = Self::of(name, Type::Complex, what);
        one.subs = subs;
        one
    }

    pub(crate) const fn reference(
        name: &'static str,
        what: &'static str,
        to: &'static [&'static str],
    ) -> Self {
        let mut one = Self::of(name, Type::Reference, what);
        one.leads_to = to;
        one.exact = true;
        one
    }

    pub(crate) const fn multi(mut self) -> Self {
        self.multi = true;
        self
    }

    pub(crate) const fn unique(mut self) -> Self {
        self.required = true;
        self.unique = true;
        self
    }

    pub(crate) const fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    pub(crate) const fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    pub(crate) const fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    pub(crate) const fn one_of(mut self, canonical: &'static [&'static str]) -> Self {
        self.canonical = canonical;
        self
    }

    pub(crate) const fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// A sub-attribute, whatever the case of its name (RFC 7643 §2.1).
    pub(crate) fn sub(&self, name: &str) -> Option<&'static Self> {
        self.subs.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// As the schema's document has it.
    fn described(&self) -> Value {
        let kind = match self.kind {
            Type::String => "string",
            Type::Boolean => "boolean",
            Type::DateTime => "dateTime",
            Type::Reference => "reference",
            Type::Complex => "complex",
        };
        let mutability = match self.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
        };
        let mut out = json!({
            "name": self.name,
            "type": kind,
            "multiValued": self.multi,
            "description": self.what,
            "required": self.required,
            "caseExact": self.exact,
            "mutability": mutability,
            "returned": if self.always { "always" } else { "default" },
            "uniqueness": if self.unique { "server" } else { "none" },
        });
        if let Some(out) = out.as_object_mut() {
            if !self.subs.is_empty() {
                let subs = self.subs.iter().map(Self::described).collect();
                out.insert("subAttributes".to_owned(), Value::Array(subs));
            }
            for (name, list) in
                [("canonicalValues", self.canonical), ("referenceTypes", self.leads_to)]
            {
                if !list.is_empty() {
                    out.insert(name.to_owned(), json!(list));
                }
            }
        }
        out
    }
}

/// A schema.
#[derive(Debug)]
pub struct Schema {
    /// Its URN.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it describes.
    pub what: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

impl Schema {
    pub(crate) fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// As `/Schemas` shows it.
    pub(crate) fn described(&self) -> Value {
        let attributes: Vec<_> = self.attributes.iter().map(Attribute::described).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": self.id,
            "name": self.name,
            "description": self.what,
            "attributes": attributes,
        })
    }
}

/// A type of resource (RFC 7643 §6).
#[derive(Debug)]
pub struct ResourceType {
    /// Its name.
    pub name: &'static str,
    /// Its place under the base.
    pub endpoint: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Its schema.
    pub schema: &'static Schema,
    /// Schemas that add to it.
    pub extensions: &'static [&'static Schema],
}

impl ResourceType {
    /// An attribute with the extension it is of; `urn` is the schema, if it was stated.
    pub(crate) fn find(
        &self,
        urn: Option<&str>,
        name: &str,
    ) -> Option<(Option<&'static Schema>, &'static Attribute)> {
        let common = || COMMON.iter().find(|one| one.name.eq_ignore_ascii_case(name));
        let core = || self.schema.attribute(name).or_else(common).map(|one| (None, one));
        match urn {
            None => core(),
            Some(urn) if urn.eq_ignore_ascii_case(self.schema.id) => core(),
            Some(urn) => {
                let extension = self.extension(urn)?;
                Some((Some(extension), extension.attribute(name)?))
            }
        }
    }

    /// An extension by its URN.
    pub(crate) fn extension(&self, urn: &str) -> Option<&'static Schema> {
        self.extensions.iter().find(|one| one.id.eq_ignore_ascii_case(urn)).copied()
    }
}

/// Of every resource (RFC 7643 §3.1).
static COMMON: [Attribute; 3] = [
    Attribute::text("id", "The server's name of it").exact().read_only().always(),
    Attribute::text("externalId", "The directory's name of it").exact(),
    Attribute::complex(
        "meta",
        "What the server says of it",
        &[
            Attribute::text("resourceType", "Its type").exact().read_only(),
            Attribute::of("created", Type::DateTime, "When it was added").read_only(),
            Attribute::of("lastModified", Type::DateTime, "When it changed").read_only(),
            Attribute::reference("location", "Where it is", &["uri"]).read_only(),
            Attribute::text("version", "Its version").exact().read_only(),
        ],
    )
    .read_only(),
];

const VALUE_KINDS: [&str; 3] = ["work", "home", "other"];

static USER_ATTRIBUTES: [Attribute; 12] = [
    Attribute::text("userName", "The name the directory signs in with").unique(),
    Attribute::complex(
        "name",
        "The parts of the name",
        &[
            Attribute::text("formatted", "The whole name"),
            Attribute::text("familyName", "The family name"),
            Attribute::text("givenName", "The given name"),
            Attribute::text("middleName", "The middle name"),
            Attribute::text("honorificPrefix", "What stands before the name"),
            Attribute::text("honorificSuffix", "What stands after the name"),
        ],
    ),
    Attribute::text("displayName", "The name that others see"),
    Attribute::text("nickName", "What others call them"),
    Attribute::text("title", "What their work is called"),
    Attribute::text("userType", "How they belong to the organization"),
    Attribute::text("preferredLanguage", "The language they prefer"),
    Attribute::text("locale", "Where they are, for formats"),
    Attribute::text("timezone", "Their time zone"),
    Attribute::of("active", Type::Boolean, "Whether they work here: without it they are out"),
    Attribute::complex(
        "emails",
        "Addresses of mail",
        &[
            Attribute::text("value", "The address"),
            Attribute::text("display", "How it is shown"),
            Attribute::text("type", "What it is for").one_of(&VALUE_KINDS),
            Attribute::of("primary", Type::Boolean, "Whether it is the first to use"),
        ],
    )
    .multi(),
    Attribute::complex(
        "phoneNumbers",
        "Telephone numbers",
        &[
            Attribute::text("value", "The number"),
            Attribute::text("display", "How it is shown"),
            Attribute::text("type", "What it is for")
                .one_of(&["work", "home", "mobile", "fax", "pager", "other"]),
            Attribute::of("primary", Type::Boolean, "Whether it is the first to use"),
        ],
    )
    .multi(),
];

static USER_SCHEMA: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:User",
    name: "User",
    what: "Somebody of the directory",
    attributes: &USER_ATTRIBUTES,
};

/// The enterprise's extension of a user (RFC 7643 §4.3).
pub static ENTERPRISE: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    name: "EnterpriseUser",
    what: "Their place in the organization",
    attributes: &[
        Attribute::text("employeeNumber", "The number of their contract"),
        Attribute::text("costCenter", "Who pays"),
        Attribute::text("organization", "The organization"),
        Attribute::text("division", "The division"),
        Attribute::text("department", "The department"),
        Attribute::complex(
            "manager",
            "Whom they report to",
            &[
                Attribute::text("value", "The id of that user").exact(),
                Attribute::reference("$ref", "Where that user is", &["User"]),
                Attribute::text("displayName", "The name of that user").read_only(),
            ],
        ),
    ],
};

/// Users (RFC 7643 §4.1).
pub static USER: ResourceType = ResourceType {
    name: "User",
    endpoint: "Users",
    what: "Somebody of the directory",
    schema: &USER_SCHEMA,
    extensions: &[&ENTERPRISE],
};

static GROUP_SCHEMA: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:Group",
    name: "Group",
    what: "A group of the directory: it gives roles where an administrator mapped it",
    attributes: &[
        Attribute::text("displayName", "Its name").unique(),
        Attribute::complex(
            "members",
            "Who is in it",
            &[
                Attribute::text("value", "The id of a user").exact().immutable(),
                Attribute::reference("$ref", "Where that user is", &["User"]).immutable(),
                Attribute::text("type", "Always `User`").one_of(&["User"]).immutable(),
            ],
        )
        .multi(),
    ],
};

/// Groups (RFC 7643 §4.2).
pub static GROUP: ResourceType = ResourceType {
    name: "Group",
    endpoint: "Groups",
    what: "A group of the directory",
    schema: &GROUP_SCHEMA,
    extensions: &[],
};
