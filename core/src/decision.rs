//! The ladder: how one recipient is verified (product.md, section 4). `decide` is lazy: it asks one question at a
//! time, and leaves a trail that says why each stronger rung was passed over.

use serde::{Deserialize, Serialize};

use crate::transport::{Floor, Miss};

/// What the message asks for this recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub direct: Option<Floor>,
    pub right: Option<Right>,
    pub email_fallback: bool,
}

/// The kind of `zivver-access-right`; its secret stays in the submission.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Right {
    Sms,
    AccessCode,
}

/// The organisation's switches.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    pub account: bool,
    pub nta7516: bool,
    pub direct: bool,
    /// Transport security at this level counts as verification; absent: it does not.
    pub transport: Option<Floor>,
    pub sms: bool,
    pub access_code: bool,
    pub email: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    Account,
    Nta7516,
    DirectDelivery,
    CustomAccessRight,
    TransportSecurity,
    Sms,
    AccessCode,
    Email,
}

/// What the shell must find out before the ladder can go on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Has the recipient an account here with a second factor?
    Account,
    /// Do both domains qualify for NTA 7516?
    Nta7516,
    /// Does the recipient's server meet this floor? The shell may answer `Yes` for "not known to miss it":
    /// the connection that carries the mail decides, and a miss comes back as `No`.
    Server(Floor),
    SharedNumber,
    SharedCode,
}

/// Three answers: a look-up that failed is never "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// The server was seen to miss the floor; only for [`Question::Server`].
    Missed(Miss),
    Unknown,
}

/// What is known so far: each question with its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<(Question, Answer)>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ask(Question),
    Settled(Decision),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub outcome: Outcome,
    /// Each rung that was passed over, strongest first.
    pub passed_over: Vec<(Rung, Why)>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    By(Method),
    /// Only e-mail verification was left and the organisation forbids it: the sender must give a factor.
    NeedsSender,
    /// A look-up failed at this rung: try again later.
    Unknown(Rung),
    /// The floor forbids what is left: failed-delivery report.
    NoneLeft,
}

/// How the recipient is verified, and with it how the mail travels.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Account,
    /// Direct, over DANE only.
    Nta7516,
    /// Direct, because the header's minimum is met.
    DirectDelivery(Floor),
    /// Direct, because the organisation's level is met.
    TransportSecurity(Floor),
    Sms,
    AccessCode,
    Email,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    SwitchedOff,
    NotAsked,
    NoAccount,
    NotQualified,
    FloorMissed(Miss),
    NothingOnFile,
    /// E-mail verification would send the code over a connection below the floor.
    BelowFloor,
}
// API: decide(&Wish,&Policy,&Facts)->Verdict; Facts::none(), with(self,Question,Answer)->Self, answer(&self,Question)->Option<&Answer>;
//  Method::floor(self)->Option<Floor> (Some for direct methods: Nta7516 => Dane), is_direct(); Display for Method/Rung (kebab names), Why (English clause)
