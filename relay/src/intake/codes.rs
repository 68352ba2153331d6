//! Access codes are hashed before anything of their message is stored.

use std::collections::BTreeSet;

use tracing::warn;
use zegel_core::access::AccessCode;
use zegel_core::address::Address;
use zegel_core::directive::AccessRight;
use zegel_core::secret::Secret;
use zegel_core::submission::Submission;

use crate::id::SubmissionId;
use crate::store::StoreError;
use crate::vault::CodeHasher;

/// What is kept of an access code is its hash. One code for many recipients is hashed once; those of addressees who come
/// with another transaction are dropped here, for they come with that one too.
pub(super) async fn hash(
    submission: &mut Submission,
    id: SubmissionId,
    hasher: &CodeHasher,
) -> Result<(), StoreError> {
    let here: BTreeSet<Address> = submission.envelope.addresses().cloned().collect();
    submission.wishes.rights.retain(|address, _| here.contains(address));
    let mut known: Vec<(Secret, Secret)> = Vec::new();
    for right in submission.wishes.rights.values_mut() {
        let AccessRight::AccessCode(code) = right else { continue };
        let hash = if let Some((_, hash)) = known.iter().find(|(other, _)| other == code) {
            hash.clone()
        } else {
            let hash = hasher.hash(code).await?;
            known.push((code.clone(), hash.clone()));
            hash
        };
        *right = AccessRight::HashedCode(hash);
    }
    let is_obvious =
        |code: &Secret| AccessCode::parse(code.reveal()).is_ok_and(|code| code.is_obvious());
    if known.iter().any(|(code, _)| is_obvious(code)) {
        warn!(submission = %id, "submission {id} has an access code that anybody would try");
    }
    Ok(())
}
