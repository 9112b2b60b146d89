//! The catalogue: every obligation of the fourteen measures, by id, in the words of the promise.

/// An obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// Its id, used in code, tests and pages.
    pub id: &'static str,
    /// What is promised, in one line.
    pub title: &'static str,
}

/// A measure: a heading of the promise with its obligations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its id.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its obligations.
    pub obligations: &'static [Obligation],
}

/// The version of the catalogue.
pub const VERSION: &str = "2026-11-22";

const fn o(id: &'static str, title: &'static str) -> Obligation {
    Obligation { id, title }
}

/// The fourteen measures, and the frame they stand in.
pub const MEASURES: [Measure; 15] = [
    Measure {
        id: "E1",
        title: "Security policies and personnel",
        obligations: &[
            o("E1.0", "security policies exist, are approved, published and acknowledged"),
            o("E1.1", "a managed programme finds risks and applies controls to them"),
            o("E1.2", "technology and process stand against common attacks"),
            o("E1.3", "the programme is reviewed regularly, for effectiveness and accuracy"),
            o("E1.4", "a full-time security team exists"),
            o("E1.5", "the team monitors and reviews security infrastructure"),
            o("E1.6", "the team responds to incidents"),
            o("E1.7", "the team develops and delivers training in line with policy"),
        ],
    },
    Measure {
        id: "E2",
        title: "Data transmission and encryption",
        obligations: &[
            o("E2.1", "Service Data is encrypted at rest, in every system that holds it"),
            o("E2.2", "Service Data is encrypted in transit with interfaces and APIs"),
            o("E2.3", "only a service the subscriber chose to link may lack encryption"),
            o("E2.4", "administrative, physical and technical safeguards protect Service Data"),
        ],
    },
    Measure {
        id: "E3",
        title: "Audits and certifications",
        obligations: &[
            o("E3.1", "a subscriber that is no competitor gets the reports on request"),
            o("E3.2", "or its independent third-party auditor that is no competitor does"),
            o("E3.3", "reports are given under the confidentiality obligations"),
            o("E3.4", "ISO 27001 certificate and/or SOC 2 or SOC 3 reports are there and valid"),
        ],
    },
    Measure {
        id: "E4",
        title: "Incident response",
        obligations: &[
            o("E4.1", "a process says who acts, notifies, escalates, mitigates and documents"),
            o("E4.2", "monitoring is centralized, day and night"),
            o("E4.3", "on-call staffing has no gap, day and night"),
            o("E4.4", "each affected subscriber has notice within 48 hours of verification"),
            o("E4.5", "a notice is held only by order of law enforcement or a government agency"),
            o("E4.6", "a breach is verified unauthorised access or improper disclosure"),
            o("E4.7", "subscribers are contacted in a stated time after verification"),
        ],
    },
    Measure {
        id: "E5",
        title: "Access control and privilege management",
        obligations: &[
            o("E5.1", "only approved personnel have administrative access to production systems"),
            o("E5.2", "they have unique IDs with keys and/or complex ephemeral tokens"),
            o("E5.3", "keys and tokens identify each person's activities, access included"),
            o("E5.4", "IDs and credentials are issued at hire"),
            o("E5.5", "credentials are revoked at termination or suspected compromise"),
            o("E5.6", "rights follow role, least privilege and need to know"),
            o("E5.7", "rights change with the job"),
        ],
    },
    Measure {
        id: "E6",
        title: "Network management and security",
        obligations: &[
            o("E6.1", "hosting sub-processors keep a fully redundant, secure network"),
            o("E6.2", "industry-standard tools defend against unauthorised network activity"),
            o("E6.3", "security advisories are monitored"),
            o("E6.4", "external vulnerability scans and audits are made regularly"),
        ],
    },
    Measure {
        id: "E7",
        title: "Data centres and physical security",
        obligations: &[
            o("E7.1", "a physical security organisation works day and night, all year"),
            o("E7.2", "areas with systems are restricted"),
            o("E7.3", "N+1 power and cooling, generators and fire suppression exist"),
        ],
    },
    Measure {
        id: "P1",
        title: "Physical access controls of vendors",
        obligations: &[o("P1", "physical access to processing systems is controlled")],
    },
    Measure {
        id: "P2",
        title: "System access controls of vendors",
        obligations: &[o("P2", "processing systems are not used without authorisation")],
    },
    Measure {
        id: "P3",
        title: "Data access controls of vendors",
        obligations: &[o("P3", "only authorised staff read, copy, change or remove Service Data")],
    },
    Measure {
        id: "P4",
        title: "Transmission controls of vendors",
        obligations: &[o(
            "P4",
            "receivers of Service Data are known, and nothing is read on the way",
        )],
    },
    Measure {
        id: "P5",
        title: "Input controls of vendors",
        obligations: &[o("P5", "whether and by whom data was changed can be established")],
    },
    Measure {
        id: "P6",
        title: "Data protection by vendors",
        obligations: &[o("P6", "Service Data is protected against accidental destruction or loss")],
    },
    Measure {
        id: "P7",
        title: "Logical separation by vendors",
        obligations: &[o("P7", "Service Data is kept apart from other parties' data")],
    },
    Measure {
        id: "F",
        title: "Frame: vendors, change and term",
        obligations: &[
            o("P0.1", "a third party sees only what its work needs"),
            o("P0.2", "a vendor security review programme assesses and manages risk"),
            o("P0.3", "vendors are bound to these measures by agreement"),
            o("F1", "measures may change; what holds now and held before can be seen"),
            o("F2", "the measures are owed during the subscription"),
        ],
    },
];
