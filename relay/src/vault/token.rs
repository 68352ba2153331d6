//! Chance, and the form in which people see it.

use aws_lc_rs::{digest, rand};
use zegel_core::secret::Secret;

/// Crockford's base 32: no `i`, `l`, `o`, `u`.
const ALPHABET: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j',
    'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z',
];

/// SHA-256 of a token: what the store keeps of one. A token is drawn from 50 bits at least, so that no key is needed.
pub fn digest(token: &Secret) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest::digest(&digest::SHA256, token.reveal().as_bytes()).as_ref());
    octets
}

/// Octets from the operating system's generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    rand::fill(&mut octets)
        .expect("without chance nothing can be kept secret: the process must not go on");
    octets
}

/// A number below `bound`, each equally likely.
pub fn random_below(bound: u32) -> u32 {
    assert!(bound > 0, "no number is below 0");
    // The largest multiple of `bound`: what is drawn from there on would make the small numbers more likely.
    let fair = u32::MAX - u32::MAX % bound;
    loop {
        let number = u32::from_be_bytes(random());
        if number < fair {
            return number % bound;
        }
    }
}

/// Crockford's base 32 in lower case: the form of tokens and reference codes. `characters` of it, 5 bits each.
pub fn crockford(octets: &[u8], characters: usize) -> Secret {
    assert!(
        characters * 5 <= octets.len() * 8,
        "{characters} characters need more than {} octets",
        octets.len()
    );
    let text: String =
        (0..characters).filter_map(|place| ALPHABET.get(five_bits(octets, place * 5))).collect();
    Secret::new(text)
}

/// What a person may have made of it: upper case, `o` for `0`, `i` and `l` for `1`, trailing punctuation, hyphens.
/// `None` when it is not `characters` long.
pub fn crockford_read(typed: &str, characters: usize) -> Option<Secret> {
    let mut read = String::with_capacity(characters);
    for typed in typed.trim_end_matches(|c: char| !c.is_alphanumeric()).chars() {
        match typed.to_ascii_lowercase() {
            '-' => continue,
            space if space.is_whitespace() => continue,
            'o' => read.push('0'),
            'i' | 'l' => read.push('1'),
            other if ALPHABET.contains(&other) => read.push(other),
            _ => return None,
        }
        if read.len() > characters {
            return None;
        }
    }
    (read.len() == characters).then(|| Secret::new(read))
}

/// The number that the five bits from `bit` on make, the first octet's highest bit first.
fn five_bits(octets: &[u8], bit: usize) -> usize {
    (bit..bit + 5).fold(0, |number, bit| {
        let octet = octets.get(bit / 8).copied().unwrap_or(0);
        number << 1 | usize::from(octet >> (7 - bit % 8) & 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Option<&str>) {
        assert_eq!(
            crockford_read(typed, 8).as_ref().map(Secret::reveal),
            expected,
            "typed {typed:?}"
        );
    }

    #[test]
    fn token_is_the_octets_five_bits_a_character() {
        // 00000 00001 11111 01010
        assert_eq!(crockford(&[0x00, 0x7e, 0xa0], 4).reveal(), "01za");
        assert_eq!(crockford(&[0xff; 20], 32).reveal(), "z".repeat(32));
    }

    #[test]
    fn what_a_person_makes_of_a_code_is_still_that_code() {
        check("7k3m9q2x", Some("7k3m9q2x"));
        check(" 7K3M-9Q2X. ", Some("7k3m9q2x"));
        check("oOiIlL-00", Some("00111100"));
        check("7k3m 9q2x)", Some("7k3m9q2x"));
    }

    #[test]
    fn what_is_no_code_is_none() {
        check("", None);
        check("7k3m9q2", None);
        check("7k3m9q2xx", None);
        check("7k3m9q2u", None);
        check("7k3m/9q2x", None);
        check("７k3m9q2x", None);
    }

    #[test]
    fn every_code_is_read_as_itself() {
        for _ in 0..1000 {
            let code = crockford(&random::<5>(), 8);
            check(code.reveal(), Some(code.reveal()));
        }
    }

    #[test]
    fn every_number_below_the_bound_comes_and_no_other() {
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[random_below(7) as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(random_below(1), 0);
    }
}
