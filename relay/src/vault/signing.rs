//! Keys that sign mail (DKIM): RSA of 2048 bits, which every receiver knows, and Ed25519, which is short (RFC 8463).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zegel_core::dkim::Algorithm;
use zeroize::Zeroizing;

use super::VaultError;

/// One key of a domain. It has no `Debug` that would show it.
pub struct SigningKey(Pair);

enum Pair {
    Rsa(rsa::KeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    pub fn generate(algorithm: Algorithm) -> Result<Self, VaultError> {
        let failed = |_| VaultError::Signing("no key could be made");
        Ok(Self(match algorithm {
            Algorithm::RsaSha256 => {
                Pair::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?)
            }
            Algorithm::Ed25519Sha256 => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        }))
    }

    /// Reads what [`Self::to_pkcs8`] has written.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, VaultError> {
        Ok(Self(match algorithm {
            Algorithm::RsaSha256 => {
                Pair::Rsa(rsa::KeyPair::from_pkcs8(pkcs8).map_err(|_| VaultError::Damaged)?)
            }
            Algorithm::Ed25519Sha256 => {
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| VaultError::Damaged)?)
            }
        }))
    }

    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let failed = |_| VaultError::Signing("the key cannot be written down");
        Ok(Zeroizing::new(match &self.0 {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.to_pkcs8().map_err(failed)?.as_ref().to_vec(),
        }))
    }

    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    /// The public key as its record has it, in base64.
    pub fn public(&self) -> Result<String, VaultError> {
        let failed = |_| VaultError::Signing("the public key cannot be written down");
        Ok(match &self.0 {
            Pair::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
                BASE64.encode(der.as_ref())
            }
            Pair::Ed25519(pair) => BASE64.encode(pair.public_key().as_ref()),
        })
    }

    /// The signature in base64.
    pub fn sign(&self, data: &[u8]) -> Result<String, VaultError> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature)
                    .map_err(|_| VaultError::Signing("no signature could be made"))?;
                Ok(BASE64.encode(signature))
            }
            Pair::Ed25519(pair) => Ok(BASE64.encode(pair.sign(digest(&SHA256, data).as_ref()))),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8463, appendix A.2: the private key, and what it is in public.
    const SECRET: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn the_key_of_the_standard_is_read_and_a_signature_is_over_the_hash() {
        let seed = BASE64.decode(SECRET).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let key = SigningKey(Pair::Ed25519(pair));
        assert_eq!(key.public().unwrap(), PUBLIC);
        let signature = BASE64.decode(key.sign(b"data").unwrap()).unwrap();
        let public = BASE64.decode(PUBLIC).unwrap();
        let verify =
            aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, public);
        verify.verify(digest(&SHA256, b"data").as_ref(), &signature).unwrap();
    }

    #[test]
    fn a_key_that_was_written_down_is_the_same_key() {
        for algorithm in [Algorithm::RsaSha256, Algorithm::Ed25519Sha256] {
            let key = SigningKey::generate(algorithm).unwrap();
            let read = SigningKey::from_pkcs8(algorithm, &key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(read.public().unwrap(), key.public().unwrap());
            assert_eq!(read.sign(b"data").unwrap(), key.sign(b"data").unwrap());
            assert!(!format!("{key:?}").contains(&key.public().unwrap()));
            assert!(SigningKey::from_pkcs8(algorithm, b"no key").is_err());
        }
    }
}
