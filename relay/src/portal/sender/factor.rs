//! What a sender types for a recipient: a number or an access code, by the rules that the header has.

use tracing::warn;
use zegel_core::access::AccessCode;
use zegel_core::directive::AccessRight;
use zegel_core::phone::{Number, Unfit};

use crate::id::DeliveryId;
use crate::portal::refusal::Refusal;
use crate::portal::{Portal, Site};
use crate::store::StoreError;

pub(super) const NUMBER: &str = "number";
pub(super) const CODE: &str = "code";

/// What is wrong, and in which field: the key of its words.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) field: &'static str,
    pub(super) key: &'static str,
}

#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Number(Number),
    Code(AccessCode),
}

/// What an administrator lets senders give.
#[derive(Copy, Clone, Debug)]
pub(super) struct Offers {
    pub(super) number: bool,
    pub(super) code: bool,
    pub(super) email: bool,
}

impl Offers {
    /// By the policy in force. Switched on or not, text messages need somebody who sends them.
    pub(super) async fn of(portal: &Portal) -> Result<Self, Refusal> {
        let configured = &portal.site.policy;
        let policy = portal.store.policy(configured).await?;
        Ok(Self {
            number: policy.sms && portal.site.texts,
            code: policy.access_code,
            email: policy.email || policy.email_by_sender,
        })
    }

    /// The field that is there in any case to be complained about.
    fn first(self) -> &'static str {
        if self.number { NUMBER } else { CODE }
    }
}

/// What is typed becomes what a header would have brought, an access code hashed.
pub(super) async fn read(
    portal: &Portal,
    about: DeliveryId,
    number: &str,
    code: &str,
) -> Result<Result<AccessRight, Mistake>, Refusal> {
    let offers = Offers::of(portal).await?;
    let typed = match parse(offers, &portal.site, number.trim(), code.trim()) {
        Ok(typed) => typed,
        Err(mistake) => return Ok(Err(mistake)),
    };
    Ok(Ok(match typed {
        Typed::Number(number) => AccessRight::Sms(number.secret().clone()),
        Typed::Code(code) => {
            if code.is_obvious() {
                warn!(delivery = %about, "delivery {about} has an access code that anybody would try");
            }
            let hash = portal.hasher.hash(code.secret()).await.map_err(StoreError::from)?;
            AccessRight::HashedCode(hash)
        }
    }))
}

fn parse(offers: Offers, site: &Site, number: &str, code: &str) -> Result<Typed, Mistake> {
    let mistake = |field, key| Err(Mistake { field, key });
    match (number.is_empty(), code.is_empty()) {
        (false, false) => mistake(offers.first(), "held-both"),
        (false, true) if offers.number => match Number::parse(&without_gaps(number)) {
            Ok(number) if site.countries.allow(number.country()) => Ok(Typed::Number(number)),
            Ok(_) => mistake(NUMBER, "held-number-country"),
            Err(Unfit::Malformed) => mistake(NUMBER, "held-number-malformed"),
            Err(Unfit::Unassigned) => mistake(NUMBER, "held-number-unassigned"),
            Err(Unfit::NotMobile) => mistake(NUMBER, "held-number-not-mobile"),
        },
        (true, false) if offers.code => match AccessCode::parse(code) {
            Ok(code) => Ok(Typed::Code(code)),
            Err(_) => mistake(CODE, "held-code-length"),
        },
        (true | false, true) | (true, false) => mistake(offers.first(), "held-nothing"),
    }
}

/// People write numbers in groups; a header may not.
fn without_gaps(number: &str) -> String {
    number.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture::site;

    const ALL: Offers = Offers { number: true, code: true, email: true };

    #[track_caller]
    fn check(offers: Offers, number: &str, code: &str, expected: Result<&str, (&str, &str)>) {
        let found = parse(offers, &site(), number, code);
        let found = found.map(|typed| match typed {
            Typed::Number(number) => number.secret().reveal().to_owned(),
            Typed::Code(code) => code.secret().reveal().to_owned(),
        });
        let found = found.map_err(|mistake| (mistake.field, mistake.key));
        assert_eq!(found, expected.map(str::to_owned), "{number:?} {code:?}");
    }

    #[test]
    fn a_number_or_a_code_is_read_as_a_header_would_bring_it_and_never_both() {
        check(ALL, "+31 6-1234.5678", "", Ok("+31612345678"));
        check(ALL, "", "Blauwe 7 ganzen", Ok("blauwe7ganzen"));
        check(ALL, "", "", Err((NUMBER, "held-nothing")));
        check(ALL, "+31612345678", "blauwe7ganzen", Err((NUMBER, "held-both")));
        check(ALL, "0612345678", "", Err((NUMBER, "held-number-malformed")));
        check(ALL, "+31201234567", "", Err((NUMBER, "held-number-not-mobile")));
        check(ALL, "+881612345678", "", Err((NUMBER, "held-number-unassigned")));
        check(ALL, "+32470123456", "", Err((NUMBER, "held-number-country")));
        check(ALL, "", "1-2-3-4-5", Err((CODE, "held-code-length")));
    }

    #[test]
    fn what_is_switched_off_is_not_taken() {
        let codes = Offers { number: false, ..ALL };
        check(codes, "+31612345678", "", Err((CODE, "held-nothing")));
        let numbers = Offers { code: false, ..ALL };
        check(numbers, "", "blauwe7ganzen", Err((NUMBER, "held-nothing")));
    }
}
