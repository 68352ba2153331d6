//! Bounces as servers write them, one in each file of `golden`.

use super::*;

/// What a failure says, on one line.
fn line(bounce: &Bounce) -> String {
    match bounce {
        Bounce::Failed(Failed { code, enhanced, host }) => {
            let or_none = |word: &Option<String>| word.as_deref().unwrap_or("-").to_owned();
            format!("failed {code} {} {}", or_none(enhanced), or_none(host))
        }
        other => format!("{other:?}").to_lowercase(),
    }
}

macro_rules! golden {
    ($($name:literal => $said:literal,)*) => {
        [$(($name, include_str!(concat!("golden/", $name, ".eml")), $said),)*]
    };
}

const GOLDEN: [(&str, &str, &str); 22] = golden! {
    "postfix" => "failed 551 5.1.1 store.zorg.example",
    "postfix-delay" => "delayed",
    "postfix-old" => "failed 550 - -",
    "expired" => "failed 550 5.4.7 mx.zorg.example",
    "exchange" => "failed 550 5.1.10 am0pr01mb1234.prod.zorg.example",
    "exchange-text" => "failed 550 5.1.1 -",
    "gmail" => "failed 550 5.1.1 in.mail.example",
    "success" => "delivered",
    "forwarded-to-two" => "delivered",
    "without-action" => "failed 550 5.2.1 -",
    "global" => "failed 550 5.1.1 mx.zorg.example",
    "receipt" => "automatic",
    "qmail" => "failed 554 5.7.1 -",
    "exim" => "failed 552 5.2.2 -",
    "exim-warning" => "delayed",
    "sendmail-old" => "failed 550 - -",
    "away" => "automatic",
    "away-old" => "automatic",
    "person" => "unknown",
    "unknown" => "unknown",
    "cut" => "unknown",
    "empty" => "unknown",
};

#[test]
fn every_server_is_understood_and_nobody_else_is_taken_for_one() {
    for (name, mail, said) in GOLDEN {
        assert_eq!(line(&read(mail.as_bytes())), said, "{name}");
        let with_crlf = mail.replace('\n', "\r\n");
        assert_eq!(line(&read(with_crlf.as_bytes())), said, "{name} with CRLF");
    }
}

#[test]
fn nothing_of_the_words_is_kept() {
    for (name, mail, _) in GOLDEN {
        let kept = format!("{:?}", read(mail.as_bytes()));
        assert!(!kept.contains("canary") && !kept.contains("els@"), "{name}: {kept}");
    }
}

/// A mail may end anywhere: no end makes a failure of what is none.
#[test]
fn a_mail_that_is_cut_short_never_fails_more_than_the_whole() {
    for (name, mail, said) in GOLDEN {
        for end in 0..mail.len() {
            let cut = read(mail.as_bytes().get(..end).unwrap_or_default());
            let may_fail = said.starts_with("failed") || name == "forwarded-to-two";
            assert!(may_fail || !matches!(cut, Bounce::Failed(_)), "{name} up to {end}: {cut:?}");
        }
    }
}

#[test]
fn what_a_server_quotes_counts_for_nothing() {
    let quoted = GOLDEN[0].1;
    let delay = GOLDEN[1].1.replace(
        "text/rfc822-headers\n\nSubject: a link: https://portal.example.org/m/canary-link\n",
        &format!("message/rfc822\n\n{}\n", quoted.replace("=_edge", "=_inner")),
    );
    assert!(delay.contains("=_inner"), "{delay}");
    assert_eq!(read(delay.as_bytes()), Bounce::Delayed);
}
