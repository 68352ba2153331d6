//! The public key in a certificate. Certificates that a strict parser refuses (of version 1, say) have one too, and DANE may
//! name it.

/// Tags of DER (X.690).
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// One DER element: its tag, the whole of it, its content, and what follows.
struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    content: &'a [u8],
    rest: &'a [u8],
}

/// The `SubjectPublicKeyInfo` of a certificate, both DER (RFC 5280, section 4.1).
pub fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = expect(SEQUENCE, certificate)?;
    let mut rest = expect(SEQUENCE, certificate.content)?.content;
    if let Some(version) = expect(VERSION, rest) {
        rest = version.rest;
    }
    // Serial number; signature algorithm, issuer, validity, subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        rest = expect(tag, rest)?.rest;
    }
    expect(SEQUENCE, rest).map(|key| key.whole)
}

/// What a trust anchor is known by: the `SubjectPublicKeyInfo` without the head of its SEQUENCE.
pub fn bare_key(key: &[u8]) -> Option<&[u8]> {
    expect(SEQUENCE, key).filter(|key| key.rest.is_empty()).map(|key| key.content)
}

fn expect(tag: u8, octets: &[u8]) -> Option<Element<'_>> {
    element(octets).filter(|element| element.tag == tag)
}

fn element(octets: &[u8]) -> Option<Element<'_>> {
    let (tag, after_tag) = octets.split_first()?;
    let (length, after_length) = length(after_tag)?;
    let (content, rest) = after_length.split_at_checked(length)?;
    let whole = octets.get(..octets.len() - rest.len())?;
    Some(Element { tag: *tag, whole, content, rest })
}

/// The length, and what follows it. Nothing longer than 64 KiB comes in a handshake by way of this.
fn length(octets: &[u8]) -> Option<(usize, &[u8])> {
    match octets {
        [short @ ..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [0x81, one, rest @ ..] => Some((usize::from(*one), rest)),
        [0x82, high, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[SEQUENCE, 0x82, length[0], length[1]], content].concat()
    }

    /// A certificate in outline, of version 3 or 1, whose key is that sequence of one octet.
    fn certificate(version: &[u8]) -> Vec<u8> {
        let fields =
            [&[INTEGER, 1, 7][..], &[SEQUENCE, 0].repeat(4), &[SEQUENCE, 0x81, 1, 42], &[0xa3, 0]];
        let inner = sequence(&[version, &fields.concat()].concat());
        sequence(&[&inner[..], &[SEQUENCE, 0], &[3, 1, 0]].concat())
    }

    #[test]
    fn the_key_is_found_in_certificates_of_any_version() {
        for version in [&[VERSION, 3, INTEGER, 1, 2][..], &[]] {
            let certificate = certificate(version);
            assert_eq!(public_key(&certificate), Some(&[SEQUENCE, 0x81, 1, 42][..]), "{version:?}");
        }
    }

    #[test]
    fn a_bare_key_is_what_stands_in_the_sequence_and_nothing_behind_it() {
        assert_eq!(bare_key(&[SEQUENCE, 2, 1, 2]), Some(&[1, 2][..]));
        assert_eq!(bare_key(&[SEQUENCE, 2, 1, 2, 3]), None);
        assert_eq!(bare_key(&[INTEGER, 2, 1, 2]), None);
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_has_none() {
        let whole = certificate(&[VERSION, 3, INTEGER, 1, 2]);
        for end in 0..whole.len() {
            assert_eq!(public_key(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = public_key(&changed);
        }
        assert_eq!(public_key(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(public_key(&[SEQUENCE, 0x80, 0, 0]), None);
    }
}
